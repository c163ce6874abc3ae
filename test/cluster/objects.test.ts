// SPDX-License-Identifier: Apache-2.0
// Our CRDs, installed by server-side apply on a real kube-apiserver: they are established, and judge the table of objects
// as the embedded server does.
import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { type CustomResourceDefinition, resources, servingCrds } from "@serval/api";
import type { Cluster } from "@serval/kube";
import { objectSuite } from "../compat/object-suite.ts";
import { findAssets, startRealApiServer } from "./kube-apiserver.ts";

const deadlineMs = 30_000;

/** Served: its condition says so. */
async function established(cluster: Cluster, { metadata: { name } }: CustomResourceDefinition): Promise<void> {
  const isServed = (crd: CustomResourceDefinition | undefined): boolean =>
    crd?.status?.conditions?.some(({ type, status }) => type === "Established" && status === "True") === true;
  const fieldSelector = `metadata.name=${name}`;
  const signal = AbortSignal.timeout(deadlineMs);
  const { items, resourceVersion } = await cluster.list(resources.customResourceDefinitions, { fieldSelector });
  if (isServed(items[0])) return;
  for await (const event of cluster.watch(resources.customResourceDefinitions, {
    fieldSelector,
    resourceVersion,
    signal,
  }))
    if ((event.type === "ADDED" || event.type === "MODIFIED") && isServed(event.object)) return;
  throw new Error(`${name} was not established within ${deadlineMs / 1_000} s`);
}

const assets = await findAssets();

if (assets.startsWith("skip:")) describe("our CRDs on a real kube-apiserver", { skip: assets.slice(6) }, () => {});
else {
  const server = await startRealApiServer(assets);
  after(() => server.close());
  const crds = servingCrds();
  for (const crd of crds)
    await server.cluster.apply(resources.customResourceDefinitions, crd, { fieldManager: "serval" });
  await Promise.all(crds.map((crd) => established(server.cluster, crd)));
  describe("our CRDs on a real kube-apiserver", () => {
    it("have structural schemas", async () => {
      const { items } = await server.cluster.list(resources.customResourceDefinitions);
      const broken = items.flatMap(({ metadata, status }) =>
        (status?.conditions ?? [])
          .filter(({ type, status: value }) => type === "NonStructuralSchema" && value === "True")
          .map(({ message }) => `${metadata.name}: ${message}`),
      );
      assert.deepEqual(broken, []);
    });
  });
  objectSuite("a real kube-apiserver", () => server.cluster);
}
