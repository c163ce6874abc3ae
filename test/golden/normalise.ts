// SPDX-License-Identifier: Apache-2.0
// What is taken away from objects before they are compared, on both sides alike. Each line has its reason; nothing else
// may be left out of a comparison (a difference that is meant is an entry in deviations.yaml).
import { type AnyObject, servingGroup } from "@serval/api";
import type { Objects, RecordedEvent } from "./case.ts";

type Json = Record<string, unknown>;

interface Normalisation {
  readonly what: string;
  readonly why: string;
  readonly kinds?: readonly string[];
  /** May change the object, which is a copy. */
  readonly apply: (object: AnyObject) => void;
}

const isMap = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value);
const without = (of: unknown, ...names: readonly string[]): void => {
  if (isMap(of)) for (const name of names) delete of[name];
};
const mapOf = (of: unknown, name: string): Json => (isMap(of) && isMap(of[name]) ? of[name] : {});
const listOf = (of: unknown, name: string): Json[] =>
  isMap(of) && Array.isArray(of[name]) ? (of[name] as Json[]) : [];

/** Keeps `name` of `of` only when something is left in it. */
function dropEmpty(of: Json, name: string): void {
  const value = of[name];
  const isEmpty = Array.isArray(value) ? value.length === 0 : isMap(value) && Object.keys(value).length === 0;
  if (isEmpty) delete of[name];
}

function everyMap(value: unknown, visit: (map: Json) => void): void {
  if (Array.isArray(value)) for (const item of value) everyMap(item, visit);
  if (!isMap(value)) return;
  visit(value);
  for (const item of Object.values(value)) everyMap(item, visit);
}

const times = [
  "creationTimestamp",
  "deletionTimestamp",
  "lastTransitionTime",
  "lastUpdateTime",
  "lastProbeTime",
  "startTime",
  "startedAt",
  "finishedAt",
] as const;
const replicaCounts = ["replicas", "updatedReplicas", "readyReplicas", "availableReplicas", "unavailableReplicas"];
const tokenVolume = /^kube-api-access-/;
const nodeTolerations = /^node\.kubernetes\.io\/(not-ready|unreachable)$/;
const internalAnnotations = "internal.serving.kserve.io/";

function dropTokenMounts(pod: AnyObject): void {
  const spec = mapOf(pod, "spec");
  spec["volumes"] = listOf(spec, "volumes").filter(({ name }) => !tokenVolume.test(String(name)));
  dropEmpty(spec, "volumes");
  for (const container of [...listOf(spec, "containers"), ...listOf(spec, "initContainers")]) {
    container["volumeMounts"] = listOf(container, "volumeMounts").filter(({ name }) => !tokenVolume.test(String(name)));
    dropEmpty(container, "volumeMounts");
  }
}

/** In this order. */
export const normalisations: readonly Normalisation[] = [
  {
    what: "metadata that the API server writes",
    why: "another value in every run",
    apply: ({ metadata }) =>
      without(
        metadata,
        "uid",
        "resourceVersion",
        "managedFields",
        "generateName",
        "selfLink",
        "deletionGracePeriodSeconds",
      ),
  },
  {
    what: "times",
    why: "another value in every run",
    apply: (object) => everyMap(object, (map) => without(map, ...times)),
  },
  {
    what: "metadata.generation, except of KServe's kinds",
    why: "the recorder kept it only there: two controllers may take a different number of writes to the same object",
    apply: ({ apiVersion, metadata }) => {
      if (!apiVersion.startsWith(`${servingGroup}/`)) without(metadata, "generation");
    },
  },
  {
    what: "uids of owners",
    why: "another value in every run; which object is named stays",
    apply: ({ metadata }) => {
      for (const owner of metadata.ownerReferences ?? []) owner.uid = "<uid>";
    },
  },
  {
    what: "cluster addresses of Services",
    why: "chosen by the API server; None stays",
    kinds: ["Service"],
    apply: ({ spec }) => {
      if (!isMap(spec) || spec["clusterIP"] === undefined || spec["clusterIP"] === "None") return;
      spec["clusterIP"] = "<ip>";
      spec["clusterIPs"] = ["<ip>"];
    },
  },
  {
    what: "status of Services and HorizontalPodAutoscalers",
    why: "written by controllers of Kubernetes",
    kinds: ["Service", "HorizontalPodAutoscaler"],
    apply: (object) => without(object, "status"),
  },
  {
    what: "status of Deployments, except replica counts",
    why: "the recorder kept only these; conditions are seen in the owner's status",
    kinds: ["Deployment"],
    apply: (object) => {
      const status = mapOf(object, "status");
      object["status"] = Object.fromEntries(
        replicaCounts.filter((name) => (status[name] ?? 0) !== 0).map((name) => [name, status[name]]),
      );
    },
  },
  {
    what: "the pod template of a Deployment",
    why: "decision 19: KServe's template is completed by its pod webhook; ours is whole, and is compared as the Pod",
    kinds: ["Deployment"],
    apply: ({ spec }) => without(spec, "template"),
  },
  {
    what: "the annotation deployment.kubernetes.io/revision",
    why: "written by Kubernetes' deployment controller",
    kinds: ["Deployment"],
    apply: ({ metadata }) => {
      without(metadata.annotations, "deployment.kubernetes.io/revision");
      dropEmpty(metadata as unknown as Json, "annotations");
    },
  },
  {
    what: "annotations internal.serving.kserve.io/* of Pods",
    why: "decision 19: KServe's messages to its own pod webhook",
    kinds: ["Pod"],
    apply: ({ metadata }) => {
      const notes = Object.keys(metadata.annotations ?? {}).filter((name) => name.startsWith(internalAnnotations));
      without(metadata.annotations, ...notes);
      dropEmpty(metadata as unknown as Json, "annotations");
    },
  },
  {
    what: "observedGeneration in the status of an HTTPRoute",
    why: "played by the runner, as by the recorder: it says when the route was accepted, not what the operator did",
    kinds: ["HTTPRoute"],
    apply: (route) => {
      for (const parent of listOf(mapOf(route, "status"), "parents"))
        for (const condition of listOf(parent, "conditions")) without(condition, "observedGeneration");
    },
  },
  {
    what: "status of Pods",
    why: "played by the runner",
    kinds: ["Pod"],
    apply: (object) => without(object, "status"),
  },
  {
    what: "fields of Pods that Kubernetes' admission and scheduler write",
    why: "the same for every Pod of a cluster, other ones in another cluster",
    kinds: ["Pod"],
    apply: (pod) => {
      const spec = mapOf(pod, "spec");
      spec["tolerations"] = listOf(spec, "tolerations").filter(({ key }) => !nodeTolerations.test(String(key)));
      dropEmpty(spec, "tolerations");
      without(spec, "priority", "preemptionPolicy", "enableServiceLinks", "nodeName");
      dropTokenMounts(pod);
    },
  },
  {
    what: "status.serval",
    why: "decision 6: ours besides KServe's",
    apply: (object) => without(object["status"], "serval"),
  },
  {
    what: "data of generated Secrets",
    why: "certificates: another value in every run",
    kinds: ["Secret"],
    apply: (object) => {
      if (object.metadata.ownerReferences !== undefined) object["data"] = "<generated>";
    },
  },
];

/** Names that the API server and the ReplicaSet controller made up, to the recorder's placeholders. */
export interface Suffixes {
  readonly hashes: readonly string[];
  /** Pod name to its ReplicaSet's. */
  readonly pods: ReadonlyMap<string, string>;
}

export const noSuffixes: Suffixes = { hashes: [], pods: new Map() };

const hashLabel = "pod-template-hash";

/** From the objects as they are in the cluster. */
export function suffixesOf(objects: readonly AnyObject[]): Suffixes {
  const hashes = new Set<string>();
  const pods = new Map<string, string>();
  for (const { kind, metadata } of objects) {
    const hash = metadata.labels?.[hashLabel];
    if (hash !== undefined) hashes.add(hash);
    const owner = metadata.ownerReferences?.find((reference) => reference.kind === "ReplicaSet");
    if (kind === "Pod" && owner !== undefined) pods.set(metadata.name ?? "", owner.name);
  }
  return { hashes: [...hashes], pods };
}

/** Only whole suffixes behind a dash, so that no other text is touched. */
export function withPlaceholders(text: string, { hashes, pods }: Suffixes): string {
  let result = text;
  for (const [name, set] of pods) result = result.replaceAll(name, `${set}-<rand>`);
  for (const hash of hashes) result = result === hash ? "<hash>" : result.replaceAll(`-${hash}`, "-<hash>");
  return result;
}

function replaced(value: unknown, suffixes: Suffixes): unknown {
  if (typeof value === "string") return withPlaceholders(value, suffixes);
  if (Array.isArray(value)) return value.map((item) => replaced(item, suffixes));
  if (!isMap(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, replaced(item, suffixes)]));
}

/** A copy to compare. */
export function normalised(object: AnyObject, suffixes: Suffixes = noSuffixes): AnyObject {
  const copy = replaced(structuredClone(object), suffixes) as AnyObject;
  for (const { kinds, apply } of normalisations) if (kinds === undefined || kinds.includes(copy.kind)) apply(copy);
  return copy;
}

/** The recorder's key: kinds that share a name with one of Kubernetes' have another. */
export function keyFor({ apiVersion, kind, metadata }: AnyObject): string {
  const [group] = apiVersion.split("/");
  const shown =
    group === "serving.knative.dev" && kind === "Service"
      ? "KnativeService"
      : group === "inference.networking.x-k8s.io"
        ? `X${kind}`
        : kind;
  return `${shown}/${metadata.name}`;
}

/** Two objects with one key after their suffixes are gone get `#2`, as the recorder numbers them. */
export function keyed(objects: readonly AnyObject[]): Objects {
  const result: Record<string, AnyObject> = {};
  for (const object of objects) {
    const key = keyFor(object);
    let free = key;
    for (let number = 2; result[free] !== undefined; number += 1) free = `${key}#${number}`;
    result[free] = object;
  }
  return result;
}

/** Events of readiness, which clients wait for; repeats and every other event are left out. */
export function readinessEvents(events: readonly RecordedEvent[]): RecordedEvent[] {
  const seen = new Set<string>();
  return events
    .filter(({ reason }) => /^(InferenceService|InferenceGraph)(Not)?Ready$/.test(reason))
    .map(({ type, reason, message, object }) => ({ type, reason, message, object }))
    .filter((event) => {
      const text = JSON.stringify(event);
      return !seen.has(text) && seen.add(text);
    });
}
