// SPDX-License-Identifier: Apache-2.0
// What is read on demand, from a real API server: only what a cause asks for, a log once per crash, nothing for a service
// that works, and nothing that hangs.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type KubeObject, type ResourceType, resources } from "@serval/api";
import gatewayApiCrds from "@serval/api/core/gateway-api-crds.gen.json" with { type: "json" };
import { createApiServer } from "@serval/embedded/apiserver/index.ts";
import { memoryStore } from "@serval/embedded/store/index.ts";
import { type Cluster, createCluster, type Transport } from "@serval/kube";
import { silentLogger } from "@serval/observe";
import { createDetailsSource } from "./read-details.ts";
import * as e from "./testing/evidence.ts";

describe("details of causes", () => {
  const asked: string[] = [];
  const end: (() => Promise<void>)[] = [];
  let cluster: Cluster;
  /** Answers logs itself: no kubelet runs here. `hang` never answers. */
  let logs: "text" | "hang" = "text";
  const withLogs = (transport: Transport): Transport => ({
    send: async (request) => {
      if (request.method === "GET") asked.push(request.path.replace(/^.*\/(?=[^/]+\/[^/]+$)/, ""));
      if (!request.path.endsWith("/log")) return transport.send(request);
      if (logs === "hang") return new Promise(() => {});
      const text = `${request.query?.["previous"] ?? "now"} ${request.query?.["tailLines"]}`;
      return {
        status: 200,
        bytes: (async function* () {
          yield new TextEncoder().encode(text);
        })(),
      };
    },
    close: () => transport.close(),
  });
  const create = <T extends KubeObject>(type: ResourceType<T>, object: T) => cluster.create(type, object);

  before(async () => {
    const server = await createApiServer({
      store: memoryStore(),
      crds: gatewayApiCrds as never[],
      admission: [],
      log: silentLogger,
    });
    end.push(() => server.close());
    cluster = createCluster(withLogs(server.transport), "test");
    await create(resources.namespaces, { apiVersion: "v1", kind: "Namespace", metadata: { name: "team" } });
    await create(resources.nodes, e.node({ "nvidia.com/gpu": "4" }));
    await create(resources.gateways, { ...e.gateway({}), metadata: { name: "front", namespace: "kserve" } });
  });
  after(async () => {
    for (const close of end) await close();
  });

  it("are none, and no call, for a service that works", async () => {
    asked.length = 0;
    const ready = e.pod({
      containerStatuses: [e.container({ running: { startedAt: "2026-01-01T00:00:00Z" } }, { ready: true })],
    });
    assert.deepEqual(await createDetailsSource(cluster).read(e.evidence({ pods: [ready] })), {});
    assert.deepEqual(asked, []);
  });
  it("are nodes for a device that is short, listed once for many services", async () => {
    const source = createDetailsSource(cluster);
    asked.length = 0;
    const seen = e.evidence({ pods: [e.unscheduled("1 Insufficient nvidia.com/gpu")] });
    const { nodes } = await source.read(seen);
    await source.read(seen);
    assert.equal(nodes?.[0]?.status?.allocatable?.["nvidia.com/gpu"], "4");
    assert.equal(asked.length, 1, asked.join(", "));
  });
  it("are the end of a log, read once per crash; of the start before when it runs again", async () => {
    const source = createDetailsSource(cluster);
    asked.length = 0;
    const first = e.evidence({ pods: [e.crashed("")] });
    assert.equal((await source.read(first)).logs?.get("iris-1/kserve-container"), "now 20");
    await source.read(first);
    assert.equal(asked.length, 1, asked.join(", "));
    const state = { waiting: { reason: "CrashLoopBackOff" } };
    const again = e.pod({
      containerStatuses: [
        e.container(state, { restartCount: 4, lastState: e.ended(1, { finishedAt: "2026-01-01T00:05:00Z" }) }),
      ],
    });
    assert.equal((await source.read(e.evidence({ pods: [again] }))).logs?.get("iris-1/kserve-container"), "true 20");
  });
  it("are Gateways of routes without an answer, with their class", async () => {
    const { gateways, gatewayClasses } = await createDetailsSource(cluster).read(e.evidence({ routes: [e.route()] }));
    assert.equal(gateways?.get("kserve/front")?.metadata.name, "front");
    assert.equal(gatewayClasses?.has("envoy"), true);
    assert.equal(gatewayClasses?.get("envoy"), undefined);
  });
  it("are left out when the answer does not come", async () => {
    logs = "hang";
    const began = performance.now();
    const { logs: texts } = await createDetailsSource(cluster).read(e.evidence({ pods: [e.crashed("")] }));
    assert.equal(texts?.size, 0);
    assert.ok(performance.now() - began < 3_000);
    logs = "text";
  });
});
