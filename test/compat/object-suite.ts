// SPDX-License-Identifier: Apache-2.0
// One table of objects against one API server: the same verdict, and for refusals the same field paths, on every server.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type AnyObject, type ResourceType, servingResources } from "@serval/api";
import { ApiError, type Cluster } from "@serval/kube";
import { named, type ObjectCase, objectCases } from "./objects.ts";

function typeOf({ object }: ObjectCase): ResourceType<AnyObject> {
  const found = servingResources.find(({ type }) => type.kind === object["kind"]);
  assert.ok(found !== undefined, `no kind ${String(object["kind"])}`);
  const version = String(object["apiVersion"]).split("/")[1] ?? "";
  return { ...found.type, version } as ResourceType<AnyObject>;
}

async function causes(write: () => Promise<unknown>): Promise<string[]> {
  try {
    await write();
    return [];
  } catch (error) {
    if (!(error instanceof ApiError) || error.reason !== "Invalid") throw error;
    return (error.status.details?.causes ?? []).map(({ field, reason }) => `${field} ${reason}`).sort();
  }
}

async function verdict(cluster: Cluster, entry: ObjectCase, name: string): Promise<string[]> {
  const type = typeOf(entry);
  const namespace = type.namespaced ? "default" : undefined;
  const write = () =>
    cluster.create(type, named(entry.object, name, namespace), { dryRun: entry.update === undefined });
  if (entry.update === undefined) return causes(write);
  const { metadata } = await write();
  const next = named(entry.update, name, namespace);
  const resourceVersion = metadata.resourceVersion ?? "";
  return causes(() => cluster.update(type, { ...next, metadata: { ...next.metadata, resourceVersion } }));
}

export function objectSuite(home: string, cluster: () => Cluster): void {
  describe(`objects of every kind on ${home}`, () => {
    objectCases.forEach((entry, index) => {
      it(`${entry.causes.length === 0 ? "accepts" : "refuses"} ${entry.name}`, async () => {
        assert.deepEqual(await verdict(cluster(), entry, `case-${index}`), [...entry.causes].sort());
      });
    });
    it("has a case that is accepted and one that is refused for every kind", () => {
      for (const { type } of servingResources)
        for (const isRefused of [false, true])
          assert.ok(
            objectCases.some(
              ({ object, causes: found }) => object["kind"] === type.kind && found.length > 0 === isRefused,
            ),
            `${type.kind} ${isRefused}`,
          );
    });
  });
}
