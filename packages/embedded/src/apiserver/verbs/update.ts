// SPDX-License-Identifier: Apache-2.0
// PUT, and the part that PATCH shares with it: from the wanted next form of an object to the stored one.
// Source: k8s.io/apiserver/pkg/registry/rest/update.go, pkg/registry/generic/registry/store.go
import { isDeepStrictEqual } from "node:util";
import type { AnyObject } from "@serval/api";
import { withRevision } from "../../store/engine.ts";
import type { Entry } from "../../store/index.ts";
import { hasStatus, storeKey } from "../resources/resource.ts";
import { conflict, invalid, notFound } from "../status.ts";
import { admitted, withDefaults } from "./admit.ts";
import { type Call, type NamedCall, shownAs, storedAs, versionsOf } from "./context.ts";
import { bodyObject, checkedShape } from "./decode.ts";
import { removeEntry } from "./remove.ts";

/** Races with other writers that the client need not see. */
const attempts = 10;

/** What only the server decides. */
const serverFields = [
  "uid",
  "creationTimestamp",
  "deletionTimestamp",
  "deletionGracePeriodSeconds",
  "generation",
  "resourceVersion",
  "selfLink",
  "generateName",
] as const;

function keepServerFields(next: AnyObject, old: AnyObject): void {
  for (const field of serverFields) {
    const value = old.metadata[field];
    if (value === undefined) delete next.metadata[field];
    else Object.assign(next.metadata, { [field]: value });
  }
}

/** The part of the object that this endpoint may change, over the rest as it is. */
function scoped({ resource, subresource }: NamedCall, next: AnyObject, old: AnyObject): AnyObject {
  if (subresource === "status") {
    const { managedFields } = next.metadata;
    const merged: AnyObject = { ...structuredClone(old), metadata: { ...structuredClone(old.metadata) } };
    if (managedFields === undefined) delete merged.metadata.managedFields;
    else merged.metadata.managedFields = managedFields;
    if (next["status"] === undefined) delete merged["status"];
    else merged["status"] = next["status"];
    return merged;
  }
  if (subresource === "finalize") {
    return { ...structuredClone(old), spec: next["spec"] };
  }
  if (hasStatus(resource)) {
    if (old["status"] === undefined) delete next["status"];
    else next["status"] = structuredClone(old["status"]);
  }
  if (subresource === undefined) resource.rules.prepareUpdate?.(next, old);
  return next;
}

/** Everything but metadata and status. */
function specification({ metadata: _, status: _status, ...rest }: AnyObject): unknown {
  return rest;
}

function setGeneration({ resource, subresource }: NamedCall, next: AnyObject, old: AnyObject): void {
  if (!resource.generation || subresource === "status") return;
  if (!isDeepStrictEqual(specification(next), specification(old)))
    next.metadata.generation = (old.metadata.generation ?? 0) + 1;
}

/** managedFields of a write that is not an apply. @param live what was there; for a new object the kind's zero value. */
export function track(
  { context, resource, manager, subresource }: Call,
  next: AnyObject,
  live: AnyObject | undefined,
): void {
  const managedFields = context.merge.trackUpdate({
    live,
    next,
    type: resource.schema,
    manager,
    subresource,
    now: context.now(),
    convert: versionsOf({ context, resource }),
  });
  if (managedFields === undefined) delete next.metadata.managedFields;
  else next.metadata.managedFields = managedFields;
}

/** True when a deleted object has nothing left to wait for. */
function isFinished(object: AnyObject): boolean {
  const { deletionTimestamp, finalizers = [], deletionGracePeriodSeconds = 0 } = object.metadata;
  const inner =
    object.kind === "Namespace" ? ((object["spec"] as { finalizers?: string[] } | undefined)?.finalizers ?? []) : [];
  return (
    deletionTimestamp !== undefined && finalizers.length === 0 && inner.length === 0 && deletionGracePeriodSeconds === 0
  );
}

/** Undefined: another writer was faster. */
async function store(call: NamedCall, entry: Entry, next: AnyObject): Promise<AnyObject | undefined> {
  const { context, resource } = call;
  const old = shownAs(resource, entry.value);
  if (isDeepStrictEqual(next, old)) return old;
  if (call.dryRun) return next;
  const build = (revision: number): AnyObject => withRevision(storedAs(resource, next), revision);
  const stored = isFinished(next)
    ? await removeEntry(call, entry, storedAs(resource, next))
    : await context.store.put(entry.key, entry.revision, build);
  return stored === undefined ? undefined : shownAs(resource, stored.value);
}

/** `next` (private, of checked shape) over the stored object. Undefined: another writer was faster. */
export async function replace(
  call: NamedCall,
  entry: Entry,
  options: { next: AnyObject; tracked: boolean },
): Promise<AnyObject | undefined> {
  const old = shownAs(call.resource, entry.value);
  let { next } = options;
  keepServerFields(next, old);
  next = withDefaults(call, scoped(call, next, old));
  if (!options.tracked) track(call, next, old);
  // After the plugins: what they put back is no change.
  const complete = await admitted(call, next, old);
  setGeneration(call, complete, old);
  return store(call, entry, complete);
}

/** The stored entry of the named object. @throws ApiError 404. */
export function entryOf({ context, resource, namespace, name }: NamedCall): Entry {
  const entry = context.store.get(storeKey(resource, namespace, name));
  if (entry === undefined) throw notFound(resource.type, name);
  return entry;
}

/** @throws ApiError 409 when the client saw another version, or another object of that name. */
export function checkPreconditions(
  { resource, name }: NamedCall,
  old: AnyObject,
  wanted: { uid?: string | undefined; resourceVersion?: string | undefined },
): void {
  if (wanted.uid && wanted.uid !== old.metadata.uid) {
    throw conflict(
      resource.type,
      name,
      `Precondition failed: UID in precondition: ${wanted.uid}, UID in object meta: ${old.metadata.uid}`,
    );
  }
  if (wanted.resourceVersion && wanted.resourceVersion !== old.metadata.resourceVersion)
    throw conflict(resource.type, name);
}

/** Runs `attempt` on the newest stored form until no other writer comes between. @throws ApiError 409 at last. */
export function untilWritten<T>(call: NamedCall, attempt: (entry: Entry) => Promise<T | undefined>): Promise<T> {
  return call.context.turns.take(entryOf(call).key, async () => {
    for (let tried = 0; tried < attempts; tried++) {
      const result = await attempt(entryOf(call));
      if (result !== undefined) return result;
    }
    throw conflict(call.resource.type, call.name);
  });
}

export async function updateObject(call: NamedCall): Promise<AnyObject> {
  const { resource } = call;
  const body = checkedShape(call, bodyObject(call));
  const { uid, resourceVersion } = body.metadata;
  return untilWritten(call, async (entry) => {
    if (resource.custom && !resourceVersion) {
      throw invalid(resource.type, call.name, [
        {
          path: "metadata.resourceVersion",
          reason: "FieldValueInvalid",
          message: "Invalid value: 0: must be specified for an update",
        },
      ]);
    }
    checkPreconditions(call, entry.value, { uid, resourceVersion });
    return replace(call, entry, { next: structuredClone(body), tracked: false });
  });
}
