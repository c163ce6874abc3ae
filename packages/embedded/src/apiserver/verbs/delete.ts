// SPDX-License-Identifier: Apache-2.0
// DELETE of one object or of a collection: preconditions, grace, finalizers, propagation.
// Source: k8s.io/apiserver/pkg/registry/rest/delete.go, pkg/registry/generic/registry/store.go
import type { AnyObject, Namespace, Pod, Status } from "@serval/api";
import { withRevision } from "../../store/engine.ts";
import type { Entry } from "../../store/index.ts";
import { badRequest } from "../status.ts";
import { admitDelete } from "./admit.ts";
import { type Call, type NamedCall, shownAs, storedAs } from "./context.ts";
import { listEntries } from "./list.ts";
import { removeEntry } from "./remove.ts";
import { checkPreconditions, untilWritten } from "./update.ts";

interface Options {
  readonly gracePeriodSeconds?: number | undefined;
  readonly propagationPolicy?: string | undefined;
  readonly preconditions?: { uid?: string | undefined; resourceVersion?: string | undefined } | undefined;
}

const policies = new Set(["Background", "Foreground", "Orphan"]);

/** From the body, else from the query. @throws ApiError 400. */
function optionsOf({ request, query }: Call): Options {
  const body = (request.body ?? {}) as Options & { orphanDependents?: boolean };
  if (typeof body !== "object" || Array.isArray(body)) throw badRequest("the body of a delete must be DeleteOptions");
  const grace =
    body.gracePeriodSeconds ??
    (query["gracePeriodSeconds"] === undefined ? undefined : Number(query["gracePeriodSeconds"]));
  if (grace !== undefined && !Number.isInteger(grace))
    throw badRequest(`gracePeriodSeconds must be a whole number, not ${JSON.stringify(grace)}`);
  const policy =
    body.propagationPolicy ?? query["propagationPolicy"] ?? (body.orphanDependents === true ? "Orphan" : undefined);
  if (policy !== undefined && !policies.has(policy))
    throw badRequest(`propagationPolicy must be one of Background, Foreground, Orphan, not ${JSON.stringify(policy)}`);
  return { gracePeriodSeconds: grace, propagationPolicy: policy, preconditions: body.preconditions };
}

const propagationFinalizers = { Foreground: "foregroundDeletion", Orphan: "orphan" } as const;

/** The garbage collector removes these when dependents are gone, or released. */
function finalizersFor(old: AnyObject, policy: string | undefined): string[] {
  const current = old.metadata.finalizers ?? [];
  if (policy === undefined) return current;
  const own = new Set<string>(Object.values(propagationFinalizers));
  const others = current.filter((finalizer) => !own.has(finalizer));
  return policy === "Background"
    ? others
    : [...others, propagationFinalizers[policy as keyof typeof propagationFinalizers]];
}

/** Pods end gracefully unless nothing runs: not on a node yet, or over. */
function graceFor(old: AnyObject, asked: number | undefined): number {
  if (old.kind !== "Pod") return 0;
  const { spec, status } = old as unknown as Pod;
  const isIdle = !spec?.nodeName || status?.phase === "Succeeded" || status?.phase === "Failed";
  if (isIdle) return 0;
  // Below zero means at once, but through the kubelet. Source: registry/core/pod/strategy.go
  const grace = asked ?? spec?.terminationGracePeriodSeconds ?? 30;
  return grace < 0 ? 1 : grace;
}

const seconds = (date: Date): string => date.toISOString().replace(/\.\d+Z$/, "Z");

/** The object on its way out, or undefined when it can go at once. */
function terminating(call: NamedCall, old: AnyObject, options: Options): AnyObject | undefined {
  const { metadata } = old;
  const grace = graceFor(old, options.gracePeriodSeconds);
  const finalizers = finalizersFor(old, options.propagationPolicy);
  const inner = old.kind === "Namespace" ? ((old as unknown as Namespace).spec?.finalizers ?? []) : [];
  if (grace === 0 && finalizers.length === 0 && inner.length === 0) return undefined;
  const next: AnyObject = { ...old, metadata: { ...metadata } };
  if (finalizers.length === 0) delete next.metadata.finalizers;
  else next.metadata.finalizers = finalizers;
  const shortened = metadata.deletionTimestamp !== undefined && grace < (metadata.deletionGracePeriodSeconds ?? 0);
  if (metadata.deletionTimestamp === undefined || shortened) {
    const now = call.context.now().getTime();
    next.metadata.deletionTimestamp = seconds(new Date(now + grace * 1000));
    next.metadata.deletionGracePeriodSeconds = grace;
    if (metadata.generation !== undefined) next.metadata.generation = metadata.generation + 1;
  }
  if (old.kind === "Namespace") next["status"] = { ...(old["status"] as object | undefined), phase: "Terminating" };
  return next;
}

const success = ({ resource }: NamedCall, { metadata }: AnyObject): Status =>
  ({
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Success",
    details: {
      name: metadata.name,
      ...(resource.type.group === "" ? {} : { group: resource.type.group }),
      kind: resource.type.plural,
      uid: metadata.uid,
    },
  }) as Status;

const isSame = (a: AnyObject, b: AnyObject): boolean => JSON.stringify(a) === JSON.stringify(b);

/** Undefined: another writer was faster. */
async function deleteEntry(call: NamedCall, entry: Entry, options: Options): Promise<AnyObject | Status | undefined> {
  const { resource, context } = call;
  const old = shownAs(resource, entry.value);
  checkPreconditions(call, old, options.preconditions ?? {});
  await admitDelete(call, old);
  const next = terminating(call, old, options);
  if (next === undefined) {
    if (call.dryRun) return success(call, old);
    const removed = await removeEntry(call, entry, entry.value);
    return removed === undefined ? undefined : success(call, old);
  }
  if (call.dryRun || isSame(next, old)) return next;
  const stored = await context.store.put(entry.key, entry.revision, (revision) =>
    withRevision(storedAs(resource, next), revision),
  );
  return stored === undefined ? undefined : shownAs(resource, stored.value);
}

/** The object while something must still end, else a Status of success. */
export async function deleteObject(call: NamedCall): Promise<AnyObject | Status> {
  const options = optionsOf(call);
  return untilWritten(call, (entry) => deleteEntry(call, entry, options));
}

export async function deleteCollection(call: Call): Promise<unknown> {
  const options = optionsOf(call);
  const { entries, resourceVersion } = listEntries(call);
  const items: AnyObject[] = [];
  for (const entry of entries) {
    const { name, namespace } = entry.value.metadata;
    const named: NamedCall = { ...call, name: name as string, namespace };
    const current = call.context.store.get(entry.key);
    if (current === undefined) continue;
    await untilWritten(named, (newest) => deleteEntry(named, newest, options));
    items.push(shownAs(call.resource, entry.value));
  }
  const { type, listKind } = call.resource;
  const apiVersion = type.group === "" ? type.version : `${type.group}/${type.version}`;
  return { kind: listKind, apiVersion, metadata: { resourceVersion }, items };
}
