// SPDX-License-Identifier: Apache-2.0
// What the webhooks do with the API: their certificate, their registration, and the questions that rules ask.
import { localModelCaches, localModelNodeGroups, type Right, resources } from "@serval/api";
import { subjectAccessReviews } from "./access.ts";
import {
  convertedCrdNames,
  mutatingWebhookConfigurations,
  registeredConfigurations,
  validatingWebhookConfigurations,
  webhookSecretName,
} from "./registrations.ts";

const registered = [mutatingWebhookConfigurations, validatingWebhookConfigurations].map((type) => ({
  type,
  names: registeredConfigurations.filter((one) => one.type === type).map(({ name }) => name),
}));

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
    names: convertedCrdNames,
  },
  { type: subjectAccessReviews, verbs: ["create"] },
  { type: localModelCaches, verbs: ["list"] },
  { type: localModelNodeGroups, verbs: ["list"], why: "a local model cache names its node groups" },
];
