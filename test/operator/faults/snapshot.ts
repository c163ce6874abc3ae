// SPDX-License-Identifier: Apache-2.0
// Everything of one namespace as text that two runs of the same story have in common: no identities, no times.
import type { KubeObject } from "@serval/api";
import type { Informer } from "@serval/kube";

type Json = unknown;
const isMap = (value: Json): value is Record<string, Json> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const dropped: ReadonlySet<string> = new Set([
  "uid",
  "resourceVersion",
  "creationTimestamp",
  "managedFields",
  "clusterIP",
  "clusterIPs",
  "startTime",
  "hostIP",
  "podIP",
]);

/** Timestamps are dropped wherever they are. */
const isTime = (value: Json): boolean => typeof value === "string" && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/.test(value);

function plain(value: Json): Json {
  if (Array.isArray(value)) return value.map(plain);
  if (!isMap(value)) return value;
  const kept = Object.keys(value)
    .filter((key) => !dropped.has(key) && !isTime(value[key]) && value[key] !== undefined)
    .toSorted();
  return Object.fromEntries(kept.map((key) => [key, plain(value[key])]));
}

/**
 * Pods are named by chance; their ReplicaSet says whose they are. How often a route was written on the way does not
 * matter: a fault may spare a step between.
 */
function nameless(object: KubeObject): KubeObject {
  if (object.kind === "HTTPRoute") return { ...object, metadata: { ...object.metadata, generation: undefined } };
  if (object.kind !== "Pod") return object;
  const owner = object.metadata.ownerReferences?.[0]?.name;
  return { ...object, metadata: { ...object.metadata, name: `${owner}-*` } };
}

/** Hashes of pod templates, which contain the namespace, and what stands for them: the rollout that they belong to. */
const hashesOf = (objects: readonly KubeObject[]): [string, string][] =>
  objects.flatMap(({ kind, metadata }) => {
    const hash = metadata.labels?.["pod-template-hash"];
    if (kind !== "ReplicaSet" || hash === undefined) return [];
    return [[hash, `rollout${metadata.annotations?.["deployment.kubernetes.io/revision"]}`]];
  });

/** One line for each object, in order; `namespace` reads `NS`. */
export function snapshot(informers: readonly Informer<KubeObject>[], namespace: string): string {
  const objects = informers.flatMap((informer) => informer.list(namespace));
  const words: [string, string][] = [[namespace, "NS"], ...hashesOf(objects)];
  return objects
    .map((object) =>
      words.reduce((text, [word, instead]) => text.replaceAll(word, instead), JSON.stringify(plain(nameless(object)))),
    )
    .toSorted()
    .join("\n");
}

interface Line {
  readonly kind: string;
  readonly metadata: { readonly name: string };
}
const nameOf = (line: string): string => {
  const { kind, metadata } = JSON.parse(line) as Line;
  return `${kind}/${metadata.name}`;
};

/** Where two values differ first, as `path: wanted | found`. */
function firstDifference(wanted: Json, found: Json, path = ""): string | undefined {
  if (JSON.stringify(wanted) === JSON.stringify(found)) return undefined;
  if (isMap(wanted) && isMap(found)) {
    for (const key of new Set([...Object.keys(wanted), ...Object.keys(found)])) {
      const difference = firstDifference(wanted[key], found[key], `${path}.${key}`);
      if (difference !== undefined) return difference;
    }
  }
  if (Array.isArray(wanted) && Array.isArray(found) && wanted.length === found.length) {
    for (const [index, item] of wanted.entries()) {
      const difference = firstDifference(item, found[index], `${path}[${index}]`);
      if (difference !== undefined) return difference;
    }
  }
  return `${path}: ${JSON.stringify(wanted)} | ${JSON.stringify(found)}`.slice(0, 600);
}

/** What is missing, too much or different, a line each; empty: the same. */
export function difference(wanted: string, found: string): string[] {
  const [want, have] = [wanted, found].map((text) => text.split("\n").filter((line) => line !== ""));
  const missing = (want ?? []).filter((line) => !have?.includes(line));
  const extra = (have ?? []).filter((line) => !want?.includes(line));
  return [
    ...missing.map((line) => {
      const at = extra.findIndex((other) => nameOf(other) === nameOf(line));
      if (at < 0) return `${nameOf(line)} is missing`;
      const [other = ""] = extra.splice(at, 1);
      return `${nameOf(line)} ${firstDifference(JSON.parse(line), JSON.parse(other))}`;
    }),
    ...extra.map((line) => `${nameOf(line)} is too much: ${line.slice(0, 300)}`),
  ];
}
