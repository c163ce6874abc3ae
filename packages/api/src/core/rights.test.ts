// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { policyRules, type Right } from "./rights.ts";

const pods = { group: "", plural: "pods" };
const nodes = { group: "", plural: "nodes" };
const crds = { group: "apiextensions.k8s.io", plural: "customresourcedefinitions" };

const rows: readonly (readonly [string, readonly Right[], readonly unknown[]])[] = [
  ["nothing", [], []],
  [
    "verbs of one resource, told twice",
    [
      { type: pods, verbs: ["watch", "list"] },
      { type: pods, verbs: ["list", "get"] },
    ],
    [{ apiGroups: [""], resources: ["pods"], verbs: ["get", "list", "watch"] }],
  ],
  [
    "resources with the same verbs, in one rule",
    [
      { type: pods, subresource: "log", verbs: ["get"] },
      { type: nodes, verbs: ["get"] },
    ],
    [{ apiGroups: [""], resources: ["nodes", "pods/log"], verbs: ["get"] }],
  ],
  [
    "names, without the verbs that every object is open to",
    [
      { type: crds, verbs: ["get", "create"] },
      { type: crds, verbs: ["get", "patch"], names: ["b", "a"] },
      { type: crds, verbs: ["get"], names: ["c"] },
    ],
    [
      { apiGroups: [crds.group], resources: [crds.plural], resourceNames: ["a", "b"], verbs: ["patch"] },
      { apiGroups: [crds.group], resources: [crds.plural], verbs: ["create", "get"] },
    ],
  ],
];

describe("RBAC rules from rights", () => {
  for (const [name, rights, rules] of rows)
    it(name, () => {
      assert.deepEqual(policyRules(rights), rules);
      assert.deepEqual(policyRules(rights.toReversed()), rules);
    });
});
