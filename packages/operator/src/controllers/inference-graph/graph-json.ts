// SPDX-License-Identifier: Apache-2.0
// The graph as the router reads it from its argument: JSON in the order of KServe's Go structs, escaped as Go does, so
// that a router Deployment made by KServe stays equal. Pure. Source: KServe inference_graph.go.
import type { InferenceGraphSpec, InferenceStep } from "@serval/api";

const stepFields = [
  "name",
  "nodeName",
  "serviceName",
  "serviceUrl",
  "data",
  "weight",
  "condition",
  "dependency",
  "mapPredictionsToInstances",
] as const satisfies readonly (keyof InferenceStep)[];

const specFields = [
  "affinity",
  "timeout",
  "routerTimeouts",
  "minReplicas",
  "maxReplicas",
  "scaleTarget",
  "scaleMetric",
  "tolerations",
  "nodeSelector",
  "nodeName",
  "serviceAccountName",
] as const satisfies readonly (keyof InferenceGraphSpec)[];

/** Go's omitempty: empty text and false are absent; numbers are pointers there, so 0 stays. */
const isEmpty = (value: unknown): boolean => value === undefined || value === "" || value === false;

function picked<T extends object>(from: T, fields: readonly (keyof T & string)[]): Record<string, unknown> {
  return Object.fromEntries(fields.flatMap((field) => (isEmpty(from[field]) ? [] : [[field, from[field]]])));
}

const escapes: Readonly<Record<string, string>> = { "<": "\\u003c", ">": "\\u003e", "&": "\\u0026" };

export function graphJson(spec: InferenceGraphSpec): string {
  const nodes = Object.fromEntries(
    Object.keys(spec.nodes)
      .toSorted()
      .map((name) => {
        const { routerType, steps } = spec.nodes[name] ?? { routerType: "Sequence" };
        const ordered = steps?.map((step) => picked(step, stepFields));
        return [name, ordered === undefined ? { routerType } : { routerType, steps: ordered }];
      }),
  );
  const graph = { nodes, resources: spec.resources ?? {}, ...picked(spec, specFields) };
  return JSON.stringify(graph).replace(/[<>&]/g, (char) => escapes[char] ?? char);
}
