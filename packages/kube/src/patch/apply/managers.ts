// SPDX-License-Identifier: Apache-2.0
// metadata.managedFields as a table of managers, decoded and encoded as kube-apiserver does (order, identifiers, limits).
// Semantics: k8s.io/apimachinery pkg/util/managedfields/internal.
import type { ManagedFieldsEntry } from "@serval/api";
import { decodeFieldSet, difference, encodeFieldSet, type FieldSet, isEmptySet, setOf, union } from "../field-set.ts";
import { compareText, goQuote } from "../go-format.ts";
import { fieldElement } from "../path-element.ts";

export interface Manager {
  readonly name: string;
  readonly operation: "Apply" | "Update";
  readonly apiVersion: string;
  readonly subresource: string | undefined;
  readonly set: FieldSet;
  /** RFC 3339; undefined: unknown. */
  readonly time: string | undefined;
}

/** By identifier. Tables are values: every change makes a new one. */
export type Managers = ReadonlyMap<string, Manager>;

type Identity = Pick<Manager, "name" | "operation" | "apiVersion" | "subresource">;

/** Appliers keep one entry across API versions; updaters have one per version. */
export function managerId({ name, operation, apiVersion, subresource }: Identity): string {
  const version = operation === "Apply" || apiVersion === "" ? undefined : apiVersion;
  return JSON.stringify({
    manager: name === "" ? undefined : name,
    operation,
    apiVersion: version,
    subresource: subresource === "" ? undefined : subresource,
  });
}

/** @throws Error on entries that Kubernetes refuses, too. */
export function decodeManagers(entries: readonly ManagedFieldsEntry[] | undefined | null): Managers {
  const managers = new Map<string, Manager>();
  (entries ?? []).forEach((entry, index) => {
    const { operation, apiVersion, fieldsType } = entry;
    if (operation !== "Apply" && operation !== "Update") throw new Error("operation must be `Apply` or `Update`");
    if (typeof apiVersion !== "string" || apiVersion === "") throw new Error("apiVersion must not be empty");
    if (fieldsType === undefined || fieldsType === "")
      throw new Error(`missing fieldsType in managed fields entry ${index}`);
    if (fieldsType !== "FieldsV1") {
      throw new Error(`invalid fieldsType ${goQuote(String(fieldsType))} in managed fields entry ${index}`);
    }
    const identity = { name: entry.manager ?? "", operation, apiVersion, subresource: entry.subresource } as const;
    managers.set(managerId(identity), {
      ...identity,
      set: decodeFieldSet(entry.fieldsV1),
      time: entry.time ?? undefined,
    });
  });
  return managers;
}

/** As `decodeManagers`; undefined instead of an error. */
export function tryDecodeManagers(entries: readonly ManagedFieldsEntry[] | undefined | null): Managers | undefined {
  try {
    return decodeManagers(entries);
  } catch {
    return undefined;
  }
}

const seconds = (time: string | undefined): number => (time === undefined ? 0 : Math.floor(Date.parse(time) / 1000));

/** Kubernetes' order: operation, time, manager, apiVersion, subresource. undefined: nobody manages anything. */
export function encodeManagers(managers: Managers): ManagedFieldsEntry[] | undefined {
  if (managers.size === 0) return undefined;
  const sorted = [...managers.values()].sort(
    (a, b) =>
      compareText(a.operation, b.operation) ||
      seconds(a.time) - seconds(b.time) ||
      compareText(a.name, b.name) ||
      compareText(a.apiVersion, b.apiVersion) ||
      compareText(a.subresource ?? "", b.subresource ?? ""),
  );
  return sorted.map(({ name, operation, apiVersion, subresource, set, time }) => ({
    ...(name === "" ? {} : { manager: name }),
    operation,
    apiVersion,
    ...(time === undefined ? {} : { time }),
    fieldsType: "FieldsV1",
    fieldsV1: encodeFieldSet(set),
    ...(subresource === undefined || subresource === "" ? {} : { subresource }),
  }));
}

const untracked = [
  "name",
  "namespace",
  "creationTimestamp",
  "selfLink",
  "uid",
  "clusterName",
  "generation",
  "managedFields",
  "resourceVersion",
].map(fieldElement);

/** What nobody ever owns: identity, and what the server itself writes. */
const neverTracked: FieldSet = setOf(
  [fieldElement("apiVersion")],
  [fieldElement("kind")],
  [fieldElement("metadata")],
  ...untracked.map((element) => [fieldElement("metadata"), element]),
);

/** The table without what is never tracked in the entry `id`; the entry goes when nothing is left of it. */
export function stripUntracked(managers: Managers, id: string): Managers {
  const manager = managers.get(id);
  if (manager === undefined) return managers;
  return withSet(managers, id, difference(manager.set, neverTracked));
}

export function withSet(managers: Managers, id: string, set: FieldSet): Managers {
  const changed = new Map(managers);
  if (isEmptySet(set)) changed.delete(id);
  else changed.set(id, { ...changed.get(id)!, set });
  return changed;
}

/** Kubernetes keeps at most this many updaters; older ones are merged into "ancient-changes", one per API version. */
const maxUpdaters = 10;

export function capUpdaters(managers: Managers): Managers {
  const updaters = [...managers].filter(([, manager]) => manager.operation === "Update");
  if (updaters.length <= maxUpdaters) return managers;
  updaters.sort(([idA, a], [idB, b]) => seconds(a.time) - seconds(b.time) || compareText(idA, idB));
  const capped = new Map(managers);
  const firstOfVersion = new Map<string, string>();
  let left = updaters.length;
  for (const [id, manager] of updaters) {
    if (left <= maxUpdaters) break;
    const first = firstOfVersion.get(manager.apiVersion);
    if (first === undefined) {
      firstOfVersion.set(manager.apiVersion, id);
      continue;
    }
    const identity = {
      name: "ancient-changes",
      operation: "Update",
      apiVersion: manager.apiVersion,
      subresource: undefined,
    } as const;
    const bucket = managerId(identity);
    const before = capped.get(bucket) ?? capped.get(first)!;
    if (!capped.has(bucket)) capped.delete(first);
    capped.set(bucket, { ...identity, set: union(manager.set, before.set), time: manager.time });
    if (id !== bucket) capped.delete(id);
    left--;
  }
  return capped;
}
