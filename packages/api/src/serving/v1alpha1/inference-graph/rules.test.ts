// SPDX-License-Identifier: Apache-2.0
// What KServe's recorded cases do not show: rules of our own, updates, warnings.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { inferenceGraphFindings, inferenceGraphWarnings } from "./rules.ts";
import type { InferenceGraph } from "./schema.ts";

const graph = (nodes: object): InferenceGraph =>
  ({
    apiVersion: "serving.kserve.io/v1alpha1",
    kind: "InferenceGraph",
    metadata: { name: "g", namespace: "default" },
    spec: { nodes },
  }) as InferenceGraph;
const sequence = (...steps: object[]) => ({ routerType: "Sequence", steps });
const dangling = graph({ root: sequence({ nodeName: "next" }) });

const cases = [
  { name: "one service", next: graph({ root: sequence({ serviceName: "a" }) }), paths: [] },
  { name: "no root", next: graph({ other: sequence({ serviceName: "a" }) }), paths: ["spec.nodes"] },
  {
    name: "two ways to the same node",
    next: graph({ root: sequence({ nodeName: "a" }, { nodeName: "a" }), a: sequence({ serviceName: "s" }) }),
    paths: [],
  },
  { name: "a node that is not there", next: dangling, paths: ["spec.nodes.root.steps[0].nodeName"] },
  {
    name: "a node that goes to itself",
    next: graph({ root: sequence({ nodeName: "root" }) }),
    paths: ["spec.nodes.root"],
  },
  {
    name: "a circle that root only leads to",
    next: graph({
      root: sequence({ nodeName: "a" }),
      a: sequence({ nodeName: "b" }),
      b: sequence({ serviceName: "s" }, { nodeName: "a" }),
    }),
    paths: ["spec.nodes.a"],
  },
  { name: "what was stored so", next: dangling, previous: dangling, paths: [] },
];

describe("inferenceGraphFindings()", () => {
  for (const { name, next, previous, paths } of cases as readonly ((typeof cases)[number] & {
    previous?: InferenceGraph;
  })[])
    it(`${paths.length === 0 ? "accepts" : "refuses"} ${name}`, () =>
      assert.deepEqual(
        inferenceGraphFindings(next, previous).map(({ path }) => path),
        paths,
      ));
  it("names the circle", () => {
    const [found] = inferenceGraphFindings(
      graph({ root: sequence({ nodeName: "a" }), a: sequence({ nodeName: "root" }) }),
    );
    assert.match(found?.message ?? "", /goes in a circle: a → root → a/);
  });
});

describe("inferenceGraphWarnings()", () => {
  it("a Switch without conditions and a node without steps", () => {
    const warnings = inferenceGraphWarnings(
      graph({
        root: { routerType: "Switch", steps: [{ serviceName: "a" }, { serviceName: "b", condition: "x" }] },
        b: sequence(),
      }),
    );
    assert.deepEqual(
      warnings.map((text) => text.split(" ")[0]),
      ["spec.nodes.root.steps[0]", "spec.nodes.b.steps"],
    );
  });
});
