// SPDX-License-Identifier: Apache-2.0
// What an InferenceGraph must be. KServe's rules come first, in its order and words
// (pkg/apis/serving/v1alpha1/inference_graph_validation.go); ours refuse what KServe accepts and can never answer.
import type { Finding } from "@serval/api/errors/index.ts";
import type { InferenceGraph } from "./schema.ts";

const rootName = "root";
const namePattern = "[a-z]([-a-z0-9]*[a-z0-9])?";
type Nodes = InferenceGraph["spec"]["nodes"];
type Step = NonNullable<Nodes[string]["steps"]>[number];
type Rule = (graph: InferenceGraph) => Finding[];

const bad = (path: string, message: string): Finding => ({ reason: "InvalidGraph", path, message });
const stepsOf = (nodes: Nodes, name: string): readonly Step[] => nodes[name]?.steps ?? [];
const eachNode = (nodes: Nodes, find: (name: string) => Finding[]): Finding[] =>
  Object.keys(nodes).toSorted().flatMap(find);

const validName: Rule = ({ metadata: { name } }) =>
  new RegExp(`^${namePattern}$`).test(name)
    ? []
    : [
        bad(
          "metadata.name",
          `The InferenceGraph "${name}" is invalid: a InferenceGraph name must consist of lower case alphanumeric characters or '-', and must start with alphabetical character. (e.g. "my-name" or "abc-123", regex used for validation is '${namePattern}')`,
        ),
      ];

const hasRoot: Rule = ({ spec: { nodes } }) =>
  Object.hasOwn(nodes, rootName)
    ? []
    : [
        bad(
          "spec.nodes",
          "root node not found, InferenceGraph needs a node with name 'root' as the root node of the graph",
        ),
      ];

const uniqueSteps: Rule = ({ metadata, spec: { nodes } }) =>
  eachNode(nodes, (node) => {
    const seen = new Set<string>();
    for (const { name } of stepsOf(nodes, node)) {
      if (name === undefined || name === "") continue;
      if (seen.has(name))
        return [
          bad(
            `spec.nodes.${node}.steps`,
            `Node "${node}" of InferenceGraph "${metadata.name}" contains more than one step with name "${name}"`,
          ),
        ];
      seen.add(name);
    }
    return [];
  });

const targets = ["nodeName", "serviceName", "serviceUrl"] as const;
const given = (step: Step): number => targets.filter((field) => (step[field] ?? "") !== "").length;

const oneTarget: Rule = ({ metadata, spec: { nodes } }) =>
  eachNode(nodes, (node) =>
    stepsOf(nodes, node).flatMap((step, index) => {
      const count = given(step);
      if (count === 1) return [];
      const what =
        count === 0 ? "does not specify an inference target" : `specifies more than one of ${targets.join(", ")}`;
      return [
        bad(
          `spec.nodes.${node}.steps[${index}]`,
          `Step ${index} ("${step.name ?? ""}") in node "${node}" of InferenceGraph "${metadata.name}" ${what}`,
        ),
      ];
    }),
  );

const splitterWeights: Rule = ({ metadata, spec: { nodes } }) =>
  eachNode(nodes, (node) => {
    if (nodes[node]?.routerType !== "Splitter") return [];
    const steps = stepsOf(nodes, node);
    const at = `InferenceGraph[${metadata.name}] Node[${node}]`;
    const missing = steps.findIndex(({ weight }) => weight === undefined);
    if (missing >= 0)
      return [
        bad(
          `spec.nodes.${node}.steps[${missing}].weight`,
          `${at} Route[${steps[missing]?.serviceName ?? ""}] missing the 'Weight'`,
        ),
      ];
    const sum = steps.reduce((total, { weight = 0 }) => total + weight, 0);
    if (sum === 100) return [];
    return [
      bad(
        `spec.nodes.${node}.steps`,
        `${at} splitter node: the sum of traffic weights for all routing targets should be 100`,
      ),
    ];
  });

const knownNodes: Rule = ({ metadata, spec: { nodes } }) =>
  eachNode(nodes, (node) =>
    stepsOf(nodes, node).flatMap(({ nodeName = "" }, index) =>
      nodeName === "" || Object.hasOwn(nodes, nodeName)
        ? []
        : [
            bad(
              `spec.nodes.${node}.steps[${index}].nodeName`,
              `Step ${index} in node "${node}" of InferenceGraph "${metadata.name}" goes to node "${nodeName}", which the graph does not have. It has ${Object.keys(nodes).toSorted().join(", ")}`,
            ),
          ],
    ),
  );

/** The nodes of one way back to where it began. */
function cycleFrom(nodes: Nodes, path: readonly string[]): readonly string[] | undefined {
  const current = path.at(-1) ?? rootName;
  for (const { nodeName = "" } of stepsOf(nodes, current)) {
    if (nodeName === "" || !Object.hasOwn(nodes, nodeName)) continue;
    const first = path.indexOf(nodeName);
    if (first >= 0) return [...path.slice(first), nodeName];
    const found = cycleFrom(nodes, [...path, nodeName]);
    if (found !== undefined) return found;
  }
  return undefined;
}

const noCycle: Rule = ({ metadata, spec: { nodes } }) => {
  for (const node of Object.keys(nodes).toSorted()) {
    const cycle = cycleFrom(nodes, [node]);
    if (cycle !== undefined)
      return [
        bad(
          `spec.nodes.${cycle[0]}`,
          `InferenceGraph "${metadata.name}" goes in a circle: ${cycle.join(" → ")}. A request would never be answered`,
        ),
      ];
  }
  return [];
};

const rules: readonly Rule[] = [validName, hasRoot, uniqueSteps, oneTarget, splitterWeights, knownNodes, noCycle];

const identity = ({ path, message }: Finding): string => `${path}\0${message}`;

/** The CRD lets a graph without spec through (KServe): it has no nodes. */
const whole = (graph: InferenceGraph): InferenceGraph => ({
  ...graph,
  spec: { ...graph.spec, nodes: graph.spec?.nodes ?? {} },
});

const all = (graph: InferenceGraph): Finding[] => rules.flatMap((rule) => rule(whole(graph)));

/** In KServe's order. On update, what the stored object has too is left out. */
export function inferenceGraphFindings(graph: InferenceGraph, previous?: InferenceGraph): Finding[] {
  const found = all(graph);
  if (previous === undefined || found.length === 0) return found;
  const old = new Set(all(previous).map(identity));
  return found.filter((finding) => !old.has(identity(finding)));
}

/** Accepted, but hardly meant. */
export function inferenceGraphWarnings(graph: InferenceGraph): string[] {
  return Object.entries(whole(graph).spec.nodes).flatMap(([name, { routerType, steps = [] }]) => {
    const at = `spec.nodes.${name}.steps`;
    if (steps.length === 0) return [`${at} is empty: a request that reaches this node fails`];
    if (routerType !== "Switch") return [];
    return steps.flatMap(({ condition = "" }, index) =>
      condition === ""
        ? [`${at}[${index}] has no condition: in a Switch it is taken for every request that reaches it`]
        : [],
    );
  });
}
