// SPDX-License-Identifier: Apache-2.0
// Objects that are not what their schema says, sent to the embedded API server with admission in force: whatever a user
// writes, the answer is about the object, never a failure of the server.
import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { type AnyObject, parseConfig, resourcePath, servingCrds, servingResources } from "@serval/api";
import { createApiServer } from "@serval/embedded/apiserver/index.ts";
import { memoryStore } from "@serval/embedded/store/index.ts";
import { createCluster } from "@serval/kube";
import { silentLogger } from "@serval/observe";
import { admissionPlugins, createAdmissionState } from "@serval/operator";
import { objectCases } from "./objects.ts";

const { config } = parseConfig({ localModel: '{"enabled":true}' });
const admission = createAdmissionState(config);
const server = await createApiServer({
  store: memoryStore(),
  crds: servingCrds(),
  admission: admissionPlugins(admission),
  log: silentLogger,
});
const caches = { runtimes: { list: () => [] }, clusterRuntimes: { list: () => [] } } as never;
admission.bind({ config: () => config, caches, cluster: createCluster(server.transport, "test") });
after(() => server.close());

const wrong: readonly unknown[] = [undefined, null, "text", 7, true, [], {}, [null], { a: { b: 1 } }];

/** The value with one place, of every place in turn, replaced by something wrong. */
function* broken(value: unknown, depth = 0): Generator<unknown> {
  for (const other of wrong) yield other;
  if (depth > 6 || typeof value !== "object" || value === null) return;
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries())
      for (const other of broken(item, depth + 1)) yield value.with(index, other);
    return;
  }
  for (const [name, field] of Object.entries(value))
    for (const other of broken(field, depth + 1)) yield { ...value, [name]: other };
}

describe("malformed objects", () => {
  for (const { type } of servingResources)
    it(`${type.kind}: every answer is about the object`, async () => {
      const path = resourcePath(type, type.namespaced ? { namespace: "default" } : {});
      const failures = new Set<string>();
      let count = 0;
      for (const { object } of objectCases.filter((entry) => entry.object["kind"] === type.kind)) {
        if (object["apiVersion"] !== `${type.group}/${type.version}`) continue;
        for (const spec of broken(object["spec"])) {
          count += 1;
          const body = { ...object, metadata: { name: `m${count}` }, spec } as unknown as AnyObject;
          const query = { dryRun: "All" };
          const answer = await server.transport.send({ method: "POST", path, query, body, userAgent: "test/1" });
          const { message } = answer.body as { message?: string };
          if (answer.status >= 500) failures.add(`${answer.status} ${message}: ${JSON.stringify(spec)}`);
        }
      }
      assert.ok(count > wrong.length, `${count} objects`);
      assert.deepEqual([...failures].slice(0, 5), []);
    });
});
