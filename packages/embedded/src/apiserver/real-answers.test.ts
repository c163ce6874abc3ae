// SPDX-License-Identifier: Apache-2.0
// The embedded server answers creations of built-in kinds as a real kube-apiserver 1.34 did (testdata/recorded.json):
// the same defaults, the same managedFields, the same refusals.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { answerTo, readAnswers, readCases } from "./testing/record.ts";
import { testServer } from "./testing/servers.ts";

const answers = await readAnswers();

/** Known differences, each with its reason. */
const different: Readonly<Record<string, string>> = {
  "replicas-as-text": "Kubernetes shows the text of Go's JSON decoder; here the field path and what it must be",
  pvc: "no kubernetes.io/pvc-protection finalizer: nothing here would take it off",
  pv: "no kubernetes.io/pv-protection finalizer: nothing here would take it off",
  node: "no not-ready taint: nothing here would take it off",
};

describe("creations, as a real kube-apiserver answers them", async () => {
  const { server } = await testServer();
  for (const each of await readCases()) {
    it(each.name, { skip: different[each.name] ?? false }, async () => {
      assert.deepEqual(await answerTo(server.transport, each), answers[each.name]);
    });
  }
});
