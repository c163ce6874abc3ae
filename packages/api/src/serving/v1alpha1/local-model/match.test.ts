// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { localModelKeys as keys } from "../../names.ts";
import { holdsUri, withLocalModel } from "./match.ts";
import { localModelDeletionFindings } from "./rules.ts";
import type { LocalModelCache } from "./schema.ts";

const cache = (name: string, uri: string, more: { namespace?: string; groups?: string[] } = {}): LocalModelCache => ({
  apiVersion: "serving.kserve.io/v1alpha1",
  kind: "LocalModelCache",
  metadata: { name, ...(more.namespace === undefined ? {} : { namespace: more.namespace }) },
  spec: { sourceModelUri: uri, modelSize: "1Gi", nodeGroups: more.groups ?? ["gpu"] },
});

const uris = [
  { cached: "hf://a/b", uri: "hf://a/b", holds: true },
  { cached: "hf://a/b/", uri: "hf://a/b", holds: true },
  { cached: "hf://a/b", uri: "hf://a/b/c", holds: true },
  { cached: "hf://a/b", uri: "hf://a/bc", holds: false },
  { cached: "hf://a/b/c", uri: "hf://a/b", holds: false },
];

describe("holdsUri()", () => {
  for (const { cached, uri, holds } of uris)
    it(`${cached} ${holds ? "holds" : "does not hold"} ${uri}`, () => assert.equal(holdsUri(cached, uri), holds));
});

const ofCluster = [cache("wide", "hf://a/b", { groups: ["cpu", "gpu"] })];
const ofNamespace = [cache("own", "hf://a/b", { namespace: "default" })];
const marks = (name: string, group: string, namespace?: string) => ({
  labels: { [keys.label]: name, ...(namespace === undefined ? {} : { [keys.namespaceLabel]: namespace }) },
  annotations: { [keys.sourceUri]: "hf://a/b", [keys.claimName]: `${name}-${group}` },
});
const metadata = { name: "m", namespace: "default" };

const cases = [
  {
    name: "the cluster's cache and its first group",
    given: metadata,
    models: { ofCluster, ofNamespace: [] },
    wanted: { ...metadata, ...marks("wide", "cpu") },
  },
  {
    name: "the namespace's own first",
    given: metadata,
    models: { ofCluster, ofNamespace },
    wanted: { ...metadata, ...marks("own", "gpu", "default") },
  },
  {
    name: "the cache that has the wanted group",
    given: { ...metadata, annotations: { [keys.nodeGroup]: "cpu" } },
    models: { ofCluster, ofNamespace },
    wanted: {
      ...metadata,
      labels: marks("wide", "cpu").labels,
      annotations: { [keys.nodeGroup]: "cpu", ...marks("wide", "cpu").annotations },
    },
  },
  {
    name: "nothing, and old marks go",
    given: { ...metadata, ...marks("gone", "gpu"), labels: { ...marks("gone", "gpu").labels, team: "x" } },
    models: { ofCluster: [], ofNamespace: [] },
    wanted: { ...metadata, labels: { team: "x" } },
  },
  {
    name: "nothing where it is switched off",
    given: { ...metadata, annotations: { [keys.disabled]: "true" } },
    models: { ofCluster, ofNamespace },
    wanted: { ...metadata, annotations: { [keys.disabled]: "true" } },
  },
];

describe("withLocalModel()", () => {
  for (const { name, given, models, wanted } of cases)
    it(`marks ${name}`, () => assert.deepEqual(withLocalModel(given, "hf://a/b/weights", models), wanted));
});

describe("localModelDeletionFindings()", () => {
  const user = {
    apiVersion: "serving.kserve.io/v1beta1",
    kind: "InferenceService",
    metadata: { ...metadata, ...marks("wide", "cpu") },
  };
  it("keeps a cache that a service uses, and says which", () => {
    const [cluster] = ofCluster;
    assert.ok(cluster !== undefined);
    const found = localModelDeletionFindings(cluster, [user]);
    assert.deepEqual(
      found.map(({ message }) => message),
      ["LocalModelCache wide is being used by InferenceService m"],
    );
    assert.deepEqual(localModelDeletionFindings(cluster, []), []);
    const [own] = ofNamespace;
    assert.ok(own !== undefined);
    assert.deepEqual(localModelDeletionFindings(own, [user]), []);
  });
});
