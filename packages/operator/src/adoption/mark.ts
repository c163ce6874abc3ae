// SPDX-License-Identifier: Apache-2.0
// A Deployment that KServe made keeps its template for as long as the same would be built and nobody else changed it.
// What would have been built when it was adopted is remembered beside the template, never in it. Pure.
import { createHash } from "node:crypto";
import { annotations, type Deployment, type KubeObject } from "@serval/api";
import { isKserves, isMadeByKserve, isMark, lastWrite } from "./ownership.ts";

/** The same text for equal values, whatever the order of their fields. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const entries = Object.entries(value).filter(([, field]) => field !== undefined);
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([name, field]) => `${JSON.stringify(name)}:${canonical(field)}`).join(",")}}`;
}

const digest = (value: unknown): string =>
  createHash("sha256").update(canonical(value)).digest("base64url").slice(0, 16);

/** Replicas come and go with the autoscaler. */
export function withoutReplicas({ spec }: Deployment): object {
  const { replicas: _replicas, ...rest } = spec ?? {};
  return rest;
}

/** Which fields KServe still owns: one that somebody else changed is no longer among them. */
const kservesFields = ({ metadata }: KubeObject): unknown[] =>
  (metadata?.managedFields ?? []).filter(isKserves).map(({ fieldsV1 }) => {
    const { "f:spec": spec } = (fieldsV1 ?? {}) as Record<string, unknown>;
    const { "f:replicas": _replicas, ...fields } = (spec ?? {}) as Record<string, unknown>;
    return fields;
  });

/** `<what we would build>.<what KServe owns>`. An API server's new default fields change neither. */
export const markOf = (wanted: Deployment, live: Deployment): string =>
  `${digest(withoutReplicas(wanted))}.${digest(kservesFields(live as KubeObject))}`;

/**
 * `ours`: applied like everything else. `undecided`: KServe made it and we have not looked at it yet. `kept`: adopted, it
 * stays as it is. `outdated`: adopted, and now something else is wanted.
 */
export type Standing = "ours" | "undecided" | "kept" | "outdated";

export function standingOf(live: Deployment, wanted: Deployment): Standing {
  if (!isMadeByKserve(live as KubeObject)) return "ours";
  const mark = live.metadata?.annotations?.[annotations.adopted];
  if (mark === undefined) return "undecided";
  if (mark === markOf(wanted, live)) return "kept";
  // KServe was at work again in between: what we remember is older than what it wrote.
  const [wrote = 0, marked = 0] = [isKserves, isMark].map((isMeant) => lastWrite(live as KubeObject, isMeant));
  return wrote > marked ? "undecided" : "outdated";
}
