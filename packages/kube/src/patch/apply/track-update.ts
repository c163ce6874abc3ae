// SPDX-License-Identifier: Apache-2.0
// managedFields after a write that is no apply: create, update, patch.
// Semantics: k8s.io/apimachinery pkg/util/managedfields/internal/{fieldmanager,skipnonapplied,managedfieldsupdater}.go.
import type { AnyObject, ManagedFieldsEntry } from "@serval/api";
import { jsonEqual, nestsAtMost } from "../../schema/json.ts";
import type { TrackUpdate } from "../contract.ts";
import { emptySet, type FieldSet, insertPath, isEmptySet, union } from "../field-set.ts";
import { PatchError, unexpected } from "../patch-error.ts";
import { fieldElement } from "../path-element.ts";
import { atomOf } from "./atom.ts";
import {
  capUpdaters,
  encodeManagers,
  type Managers,
  managerId,
  stripUntracked,
  tryDecodeManagers,
} from "./managers.ts";
import { type Typed, updateOwnership, type WriteContext } from "./updater.ts";
import { shapeError } from "./validate.ts";

export type WriteOptions = Pick<Parameters<TrackUpdate>[0], "reset" | "convert">;

export function writeContext({ reset, convert }: WriteOptions, apiVersion: string): WriteContext {
  const resetSet = emptySet();
  for (const path of reset ?? []) insertPath(resetSet, path.map(fieldElement));
  return {
    apiVersion,
    reset: resetSet,
    convert: (typed, version) => {
      if (typed.object.apiVersion === version) return typed;
      const converted = convert?.(typed.object, version);
      if (converted === undefined) return undefined;
      const atom = atomOf(converted.type);
      // Kubernetes accepts duplicated list items in a stored object, but not in one that it had to convert.
      const error = shapeError(converted.object, atom, { allowDuplicates: false });
      if (error !== undefined) throw unexpected(error);
      return { object: converted.object, atom };
    },
  };
}

export function withManagedFields(object: AnyObject, entries: ManagedFieldsEntry[] | undefined): AnyObject {
  const { managedFields: _old, ...metadata } = object.metadata ?? {};
  if (entries === undefined && object.metadata?.managedFields === undefined) return object;
  return { ...object, metadata: entries === undefined ? metadata : { ...metadata, managedFields: entries } };
}

/** RFC 3339 with whole seconds, as Kubernetes writes times. */
export const timeText = (now: Date): string => `${now.toISOString().slice(0, 19)}Z`;

/** The object before anything was written to it. */
export const nothingYet = ({ apiVersion, kind }: AnyObject): AnyObject => ({ apiVersion, kind }) as AnyObject;

export interface Update {
  readonly before: Typed;
  readonly after: Typed;
  readonly manager: string;
  readonly subresource: string | undefined;
  readonly now: Date;
}

/** The table after an update; the writer's entry grows by what the write changed, and its time with it. */
export function managersAfterUpdate(update: Update, owners: Managers, context: WriteContext): Managers {
  const { managers, taken } = updateOwnership(update, owners, context);
  return capUpdaters(isEmptySet(taken) ? managers : withTaken(update, { managers, taken }, context));
}

function withTaken(
  update: Update,
  { managers, taken }: { managers: Managers; taken: FieldSet },
  context: WriteContext,
): Managers {
  const identity = {
    name: update.manager === "" ? "unknown" : update.manager,
    operation: "Update",
    apiVersion: context.apiVersion,
    subresource: update.subresource,
  } as const;
  const stripped = stripUntracked(new Map([["", { ...identity, set: taken, time: undefined }]]), "").get("");
  if (stripped === undefined) return managers;
  const id = managerId(identity);
  const previous = managers.get(id);
  const set = previous === undefined ? stripped.set : union(stripped.set, previous.set);
  return new Map(managers).set(id, { ...identity, set, time: timeText(update.now) });
}

const isReset = (entries: readonly ManagedFieldsEntry[] | undefined | null): boolean =>
  Array.isArray(entries) && (entries.length === 0 || (entries.length === 1 && Object.keys(entries[0]!).length === 0));

/** A client may edit the entries of an object; one that leaves them out does not mean to delete them. */
function ownersBefore({ live, next, subresource }: Parameters<TrackUpdate>[0]): Managers {
  const ofLive = (): Managers => tryDecodeManagers(live?.metadata?.managedFields) ?? new Map();
  if (subresource !== undefined && subresource !== "") return ofLive();
  const sent = next.metadata?.managedFields;
  if (isReset(sent)) return new Map();
  const decoded = tryDecodeManagers(sent);
  return decoded === undefined || decoded.size === 0 ? ofLive() : decoded;
}

/**
 * managedFields after a create, update or patch. Untracked objects (no entries although they exist) stay untracked.
 * undefined: none, also where the object does not have the shape of its schema.
 */
export const trackUpdate: TrackUpdate = (input) => {
  const owners = ownersBefore(input);
  if (owners.size === 0 && input.live?.metadata?.uid) return undefined;
  const after = withManagedFields(input.next, undefined);
  const before = input.live === undefined ? nothingYet(after) : withManagedFields(input.live, undefined);
  if (!nestsAtMost(after)) return undefined;
  const atom = atomOf(input.type);
  for (const object of [after, before]) {
    if (shapeError(object, atom, { allowDuplicates: true }) !== undefined) return undefined;
  }
  const update: Update = {
    before: { object: before, atom },
    after: { object: after, atom },
    manager: input.manager,
    subresource: input.subresource,
    now: input.now,
  };
  try {
    return encodeManagers(managersAfterUpdate(update, owners, writeContext(input, after.apiVersion)));
  } catch (error) {
    if (error instanceof PatchError) return undefined; // a write must not fail for what only ownership cannot handle
    throw error;
  }
};

const withoutTimes = (object: AnyObject): AnyObject =>
  withManagedFields(
    object,
    object.metadata?.managedFields?.map(({ time: _time, ...entry }) => entry),
  );

/**
 * `next` with the times of `live`, where nothing else differs: such a write changes nothing and must not get a new
 * resourceVersion. Semantics: k8s.io/apiserver pkg/endpoints/handlers/fieldmanager/equality.go.
 */
export function keepTimesIfUnchanged(live: AnyObject, next: AnyObject): AnyObject {
  return jsonEqual(withoutTimes(live), withoutTimes(next))
    ? withManagedFields(next, live.metadata?.managedFields)
    : next;
}
