// SPDX-License-Identifier: Apache-2.0
// Whose fields an object's fields are, and how they pass from KServe's manager to us and back. Pure.
//
// KServe writes with create, update and patch, so its fields are recorded under its program's name with the operation
// Update. Server-side apply only ever removes what the same manager applied before: without a hand-over, whatever KServe
// wrote and we no longer say (an env entry, a port) would stay for ever. Kubernetes knows the same problem from kubectl:
// client-go's csaupgrade moves client-side applied fields in the same way.
import type { KubeObject, ManagedFieldsEntry } from "@serval/api";
import {
  decodeFieldSet,
  encodeFieldSet,
  type FieldPath,
  type FieldSet,
  recursiveDifference,
  setOf,
  union,
} from "@serval/kube/patch";
import { fieldManager } from "../children/field-manager.ts";

/**
 * Names under which KServe's manager is recorded: that of its program in KServe's image, then those of builds from its
 * source (`make manager`, `go build`).
 */
export const kserveManagers: ReadonlySet<string> = new Set(["manager", "kserve-manager", "kserve-controller-manager"]);

const isOfObject = ({ subresource }: ManagedFieldsEntry): boolean => (subresource ?? "") === "";

/** Holds our mark on a Deployment whose other fields are still KServe's. */
export const adoptionManager = "serval-adoption";

export const isMark = ({ manager }: ManagedFieldsEntry): boolean => manager === adoptionManager;

export const isKserves = (entry: ManagedFieldsEntry): boolean =>
  entry.operation === "Update" && isOfObject(entry) && kserveManagers.has(entry.manager ?? "");

export const isOurs = (entry: ManagedFieldsEntry): boolean =>
  entry.operation === "Apply" && isOfObject(entry) && entry.manager === fieldManager;

/**
 * KServe made it and we never applied it. Once we did, KServe's program name proves nothing any more: every operator that
 * was made with kubebuilder may be called `manager`, and a quarrel with one of them would never end.
 */
export function isMadeByKserve({ metadata }: KubeObject): boolean {
  const entries = metadata.managedFields ?? [];
  return entries.some(isKserves) && !entries.some(isOurs);
}

/** Fields that nobody owns stay as they are, which is what an autoscaler's replicas need; a status is nobody's to apply. */
const leftUnowned: FieldSet = setOf(["f:spec", "f:replicas"], ["f:status"]);

const ownedBy = (entries: readonly ManagedFieldsEntry[]): FieldSet =>
  entries.reduce<FieldSet>((set, { fieldsV1 }) => union(set, decodeFieldSet(fieldsV1 ?? {})), setOf());

/** Without everything below a path, which itself stays. */
function withoutBelow(set: FieldSet, [first, ...rest]: FieldPath): FieldSet {
  const below = first === undefined ? undefined : set.children.get(first);
  if (first === undefined || below === undefined) return set;
  const children = new Map(set.children);
  if (rest.length === 0) {
    children.delete(first);
    return { members: new Set([...set.members, first]), children };
  }
  children.set(first, withoutBelow(below, rest));
  return { members: set.members, children };
}

function* emptySections(value: unknown, path: FieldPath = []): Generator<FieldPath> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return;
  const entries = Object.entries(value);
  if (entries.length === 0) yield path;
  for (const [name, field] of entries) yield* emptySections(field, [...path, `f:${name}`]);
}

interface HandOver {
  readonly from: (entry: ManagedFieldsEntry) => boolean;
  /** Sections of a custom resource that are only said to be there: the defaults in them are the API server's. */
  readonly sections?: Iterable<FieldPath>;
  readonly to: Pick<ManagedFieldsEntry, "manager" | "operation">;
}

function handedOver(
  entries: readonly ManagedFieldsEntry[],
  { from, to, sections = [] }: HandOver,
): ManagedFieldsEntry[] {
  const given = entries.filter(from);
  const isTarget = (entry: ManagedFieldsEntry): boolean =>
    isOfObject(entry) && entry.manager === to.manager && entry.operation === to.operation;
  const [first] = given;
  if (first === undefined) return [...entries];
  const owned = recursiveDifference(ownedBy([...given, ...entries.filter(isTarget)]), leftUnowned);
  const fields = [...sections].reduce(withoutBelow, owned);
  const others = entries.filter((entry) => !from(entry) && !isTarget(entry));
  return [...others, { ...first, ...to, fieldsV1: encodeFieldSet(fields) }];
}

/** Kinds that Kubernetes itself serves fill an emptied section with its defaults; a definition's schema refuses it. */
const isBuiltIn = ({ apiVersion }: KubeObject): boolean =>
  !apiVersion.includes("/") || !/^[^/]+\.[^/]+\//.test(apiVersion) || apiVersion.includes(".k8s.io/");

/** `managedFields` with KServe's fields as applied by us: what our next apply, of `wanted`, does not say goes. */
export const takenOver = (entries: readonly ManagedFieldsEntry[], wanted: KubeObject): ManagedFieldsEntry[] =>
  handedOver(entries, {
    from: isKserves,
    to: { manager: fieldManager, operation: "Apply" },
    sections: isBuiltIn(wanted) ? [] : emptySections(wanted),
  });

/** `managedFields` with our fields as KServe's manager would have written them: the next take-over finds them again. */
export const givenBack = (entries: readonly ManagedFieldsEntry[]): ManagedFieldsEntry[] =>
  handedOver(entries, { from: isOurs, to: { manager: "manager", operation: "Update" } });

/** When the newest of these entries was written, in ms since the epoch; undefined: there is none. */
export function lastWrite(
  { metadata }: KubeObject,
  isMeant: (entry: ManagedFieldsEntry) => boolean,
): number | undefined {
  const times = (metadata.managedFields ?? []).filter(isMeant).map(({ time }) => Date.parse(time ?? ""));
  const known = times.filter((time) => !Number.isNaN(time));
  return known.length === 0 ? undefined : Math.max(...known);
}

/** Whoever wants something of the owner: everybody but the controllers themselves. */
export const isUsers = (entry: ManagedFieldsEntry): boolean =>
  isOfObject(entry) && !isKserves(entry) && entry.manager !== fieldManager;
