// SPDX-License-Identifier: Apache-2.0
// What the webhooks do with the API: their certificate, their registration, and the questions that rules ask.
import {
  convertedPlurals,
  localModelCaches,
  localModelNodeGroups,
  type Right,
  resources,
  servingGroup,
} from "@serval/api";
import { subjectAccessReviews } from "./access.ts";
import {
  mutatingWebhookConfigurations,
  validatingWebhookConfigurations,
  webhookEntries,
  webhookSecretName,
} from "./registrations.ts";

const configurationNames = (phase: "mutate" | "validate"): string[] => [
  ...new Set(
    webhookEntries
      .filter((entry) => entry.phase === phase)
      .map(({ configuration }) => `${configuration}.${servingGroup}`),
  ),
];

const registered = [
  { type: mutatingWebhookConfigurations, names: configurationNames("mutate") },
  { type: validatingWebhookConfigurations, names: configurationNames("validate") },
];

export const webhookRights: readonly Right[] = [
  { type: resources.secrets, verbs: ["create"], isOwnNamespace: true },
  { type: resources.secrets, verbs: ["get"], names: [webhookSecretName], isOwnNamespace: true },
  {
    type: resources.secrets,
    verbs: ["update"],
    names: [webhookSecretName],
    isOwnNamespace: true,
    why: "a certificate in the last third of its life",
  },
  ...registered.flatMap(({ type, names }): Right[] => [
    { type, verbs: ["create"] },
    { type, verbs: ["get", "patch"], names },
  ]),
  {
    type: resources.customResourceDefinitions,
    verbs: ["get", "patch"],
    names: convertedPlurals.map((plural) => `${plural}.${servingGroup}`),
  },
  { type: subjectAccessReviews, verbs: ["create"] },
  { type: localModelCaches, verbs: ["list"] },
  { type: localModelNodeGroups, verbs: ["list"], why: "a local model cache names its node groups" },
];
