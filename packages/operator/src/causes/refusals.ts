// SPDX-License-Identifier: Apache-2.0
// Pods (and other objects) that the API server refuses: quota, LimitRange, Pod Security, ServiceAccount, webhooks. Pure.
// Source of the texts: k8s.io/apiserver resourcequota and webhook errors, kubernetes plugin/pkg/admission.
import { type Cause, causeOf, conditionOf, type Pattern, patternFor, type Rule, words } from "./cause.ts";

const patterns: readonly Pattern[] = [
  {
    pattern: /failed quota: .*must specify/i,
    reason: "QuotaExceeded",
    fix: "Set the resources that the message names on the component: the namespace's quota wants them on every pod",
  },
  { pattern: /exceeded quota:|insufficient quota/i, reason: "QuotaExceeded" },
  {
    pattern: /(maximum|minimum) [\w./-]+ usage per (Container|Pod)|limit to request ratio per|minimum storage usage/i,
    reason: "LimitRangeViolated",
  },
  { pattern: /violates PodSecurity/i, reason: "PodSecurityRefused" },
  { pattern: /serviceaccount "?[^"]*"? not found|error looking up service account/i, reason: "ServiceAccountMissing" },
  { pattern: /failed calling webhook|failed to call webhook/i, reason: "WebhookFailed" },
  { pattern: /volumes\[\d+\]\.image|image volume/i, reason: "ImageVolumeUnsupported" },
];

/** What a refusal of the API server means; undefined: nothing that has a name of its own. */
export function refusalOf(text: string, of: string): Cause | undefined {
  const found = patternFor(patterns, text);
  if (found !== undefined) return causeOf(found.reason, { message: text, of, fix: found.fix });
  const webhook = /admission webhook "([^"]+)" denied the request/.exec(text)?.[1];
  if (webhook === undefined) return undefined;
  const fix = `Change what the webhook ${webhook} asks for, or ask its owner for an exception`;
  return causeOf("PodRejected", { message: text, of, fix });
}

/** A Deployment that cannot make pods. */
export const refusedPods: Rule = function* ({ deployments }) {
  for (const { metadata, status } of deployments) {
    const failed = conditionOf(status?.conditions, "ReplicaFailure");
    if (failed?.status !== "True") continue;
    const of = metadata.name ?? "";
    const message = `No pod of ${of}: ${words(failed.message)}`;
    yield refusalOf(message, of) ?? causeOf("PodRejected", { message, of });
  }
};
