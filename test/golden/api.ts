// SPDX-License-Identifier: Apache-2.0
// What the recorder did to an API server, done to ours: apply as kubectl does, read the whole namespace back.
import { type AnyObject, type CustomResourceDefinition, type Key, type ResourceType, resourcePath } from "@serval/api";
import { createRegistry } from "@serval/embedded/apiserver/resources/registry.ts";
import type { ApiRequest, Transport } from "@serval/kube";
import type { Objects, RecordedEvent, Refusal } from "./case.ts";
import { same } from "./compare.ts";
import { namespace } from "./context.ts";
import { keyed, keyFor, normalised, suffixesOf, withPlaceholders } from "./normalise.ts";

type Json = Readonly<Record<string, unknown>>;
const isMap = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value);

/** Kinds that are not part of a recording: bookkeeping of Kubernetes' own controllers, and what is read apart. */
const unrecorded = new Set(["ReplicaSet", "Event", "EndpointSlice", "Endpoints", "Lease", "ControllerRevision"]);
/** Left out of a recording while they stay as they were applied. */
const quietKinds = new Set(["Secret", "ServiceAccount", "ConfigMap", "ServingRuntime"]);
/** Made by controllers of Kubernetes in every namespace. */
const ofEveryNamespace = new Set(["ServiceAccount/default", "ConfigMap/kube-root-ca.crt"]);

export interface Outcome {
  readonly object?: AnyObject;
  readonly refusal?: Refusal;
  readonly warnings: readonly string[];
}

/** A merge patch from one applied form to the next: what is no longer said is removed. */
export function applyPatch(previous: unknown, next: unknown): unknown {
  if (!isMap(previous) || !isMap(next)) return next;
  const gone = Object.keys(previous).filter((name) => next[name] === undefined);
  return Object.fromEntries([
    ...gone.map((name) => [name, null] as const),
    ...Object.entries(next).map(([name, value]) => [name, applyPatch(previous[name], value)] as const),
  ]);
}

export interface Api {
  readonly transport: Transport;
  /** @throws Error for a kind that the server does not serve. */
  typeOf(kind: string): ResourceType;
  /** Creates, or changes what was applied before under this name. */
  apply(object: AnyObject): Promise<Outcome>;
  patch(kind: string, name: string, body: object, subresource?: "status"): Promise<Outcome>;
  delete(kind: string, name: string): Promise<void>;
  /** Every object of a kind in the namespace; none of a kind that is not served. */
  list(kind: string): Promise<AnyObject[]>;
  /** The namespace as the recorder would write it down. */
  snapshot(): Promise<Objects>;
  events(): Promise<RecordedEvent[]>;
}

/** Kinds by the recorder's names (in the version that is stored), and every version by its apiVersion. */
function typesOf(crds: readonly CustomResourceDefinition[]): Map<string, ResourceType> {
  const types = new Map<string, ResourceType>();
  const isStored = ({ group, plural, version }: ResourceType): boolean => {
    const definition = crds.find(({ metadata }) => metadata.name === `${plural}.${group}`);
    return definition?.spec.versions.find(({ name }) => name === version)?.storage ?? true;
  };
  for (const { type } of createRegistry(crds).resources) {
    const key = keyFor({ apiVersion: `${type.group}/${type.version}`, kind: type.kind, metadata: { name: "" } });
    const name = key.slice(0, -1);
    if (!types.has(name) && isStored(type)) types.set(name, type);
    types.set(`${type.group === "" ? "" : `${type.group}/`}${type.version}/${type.kind}`, type);
  }
  return types;
}

const strictLabel = "golden/strict";
const hasStrictLabel = ({ metadata }: AnyObject): boolean => metadata.labels?.[strictLabel] === "true";

export function createApi(transport: Transport, crds: readonly CustomResourceDefinition[]): Api {
  const types = typesOf(crds);
  const applied = new Map<string, AnyObject>();
  /** As stored right after they were applied. */
  const stored = new Map<string, AnyObject>();
  const typeOf = (name: string): ResourceType => {
    const type = types.get(name);
    if (type === undefined) throw new Error(`the server does not serve ${name}: add its CRD to the context`);
    return type;
  };
  const send = async (about: string, request: ApiRequest): Promise<Outcome> => {
    const { status, body, warnings = [] } = await transport.send({ userAgent: "golden", ...request });
    if (status < 400) return { object: body as AnyObject, warnings };
    const { code, reason, message } = body as { code?: number; reason?: string; message: string };
    return { refusal: { object: about, code, reason: reason ?? null, message }, warnings };
  };
  const keyIn = (type: ResourceType, object: AnyObject): Key => ({
    ...(type.namespaced ? { namespace: object.metadata.namespace ?? namespace } : {}),
    name: object.metadata.name ?? "",
  });
  const isQuiet = (object: AnyObject): boolean =>
    ofEveryNamespace.has(keyFor(object)) && !stored.has(keyFor(object))
      ? true
      : quietKinds.has(object.kind) && same(stored.get(keyFor(object)), normalised(object));
  const merge = "application/merge-patch+json";

  const api: Api = {
    transport,
    typeOf,
    async apply(object) {
      const type = typeOf(`${object.apiVersion}/${object.kind}`);
      const key = keyIn(type, object);
      const about = keyFor(object);
      const previous = applied.get(about);
      const isThere = previous !== undefined || (ofEveryNamespace.has(about) && type.namespaced);
      const query = { fieldValidation: hasStrictLabel(object) ? "Strict" : "Warn" };
      const request: ApiRequest = isThere
        ? {
            method: "PATCH",
            path: resourcePath(type, key),
            query,
            contentType: merge,
            body: applyPatch(previous, object),
          }
        : { method: "POST", path: resourcePath(type, { namespace: key.namespace }), query, body: object };
      const outcome = await send(about, request);
      if (outcome.object !== undefined) {
        applied.set(about, object);
        stored.set(about, normalised(outcome.object));
      }
      return outcome;
    },
    patch: (kind, name, body, subresource) => {
      const type = typeOf(kind);
      const path = `${resourcePath(type, { namespace, name })}${subresource === undefined ? "" : `/${subresource}`}`;
      return send(`${kind}/${name}`, { method: "PATCH", path, contentType: merge, body });
    },
    async delete(kind, name) {
      await send(`${kind}/${name}`, { method: "DELETE", path: resourcePath(typeOf(kind), { namespace, name }) });
    },
    async list(kind) {
      const type = types.get(kind);
      if (type === undefined) return [];
      const { status, body } = await transport.send({ method: "GET", path: resourcePath(type, { namespace }) });
      if (status !== 200) throw new Error(`cannot list ${kind}: ${(body as { message?: string }).message}`);
      const apiVersion = `${type.group === "" ? "" : `${type.group}/`}${type.version}`;
      const { items } = body as { items: AnyObject[] };
      return items.map((item) => ({ ...item, apiVersion, kind: type.kind }));
    },
    async snapshot() {
      const names = [...types].filter(([name, type]) => !name.includes("/") && type.namespaced);
      const recorded = names.map(([name]) => name).filter((name) => !unrecorded.has(name));
      const all = (await Promise.all([...recorded, "ReplicaSet"].map((name) => api.list(name)))).flat();
      const suffixes = suffixesOf(all);
      const kept = onePodPerSet(all.filter((object) => object.kind !== "ReplicaSet" && !isQuiet(object)));
      return keyed(kept.map((object) => normalised(object, suffixes)));
    },
    async events() {
      const suffixes = suffixesOf((await Promise.all(["ReplicaSet", "Pod"].map((name) => api.list(name)))).flat());
      const items = (await api.list("Event")) as unknown as CoreEvent[];
      return items.sort(byAge).map(({ type, reason, message, involvedObject: about }) => ({
        type,
        reason,
        message: withPlaceholders(message, suffixes),
        object: withPlaceholders(`${about.kind}/${about.name}`, suffixes),
      }));
    },
  };
  return api;
}

interface CoreEvent extends AnyObject {
  type: string;
  reason: string;
  message: string;
  involvedObject: { kind: string; name: string };
}

/** An event's name ends with a counter that rises. */
const ageOf = ({ metadata }: AnyObject): string => metadata.name?.split(".").at(-1) ?? "";
const byAge = (a: AnyObject, b: AnyObject): number => (ageOf(a) < ageOf(b) ? -1 : 1);

function onePodPerSet(objects: readonly AnyObject[]): AnyObject[] {
  const seen = new Set<string>();
  return objects.filter(({ kind, metadata }) => {
    const owner = metadata.ownerReferences?.find((reference) => reference.kind === "ReplicaSet");
    if (kind !== "Pod" || owner === undefined) return true;
    return !seen.has(owner.name) && seen.add(owner.name) !== undefined;
  });
}
