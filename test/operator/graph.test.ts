// SPDX-License-Identifier: Apache-2.0
// An InferenceGraph waits for its services, gets a router and a route, follows its services and stops.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type InferenceGraph, inferenceGraphs, inferenceServices, keyOf, resources } from "@serval/api";
import {
  acceptRoutes,
  emptied,
  type Home,
  isReady,
  kubeconfig,
  namespace,
  readyPod,
  setPodStatus,
  sklearn,
  startHome,
  untilObject,
} from "./home.ts";

const ready = (graph: InferenceGraph): string => {
  const { status, reason } = graph.status?.conditions?.find(({ type }) => type === "Ready") ?? {};
  return [status, reason].filter(Boolean).join(" ");
};

describe(`an InferenceGraph on ${kubeconfig === undefined ? "the embedded API server" : "a real cluster"}`, () => {
  let home: Home;
  const stop = new AbortController();
  before(async () => {
    home = await startHome();
    acceptRoutes(home, stop.signal);
  });
  after(async () => {
    stop.abort();
    await emptied(home, inferenceServices, inferenceGraphs);
    await home.close();
  });

  const until = async (name: string, wanted: string): Promise<InferenceGraph> => {
    const found = await untilObject(
      home,
      inferenceGraphs,
      name,
      (graph) => graph !== undefined && ready(graph) === wanted,
    );
    return found as InferenceGraph;
  };

  it("says which service it waits for, then routes to the URL of that service", async () => {
    const graph = {
      apiVersion: "serving.kserve.io/v1alpha1",
      kind: "InferenceGraph",
      metadata: { name: "flow", namespace },
      spec: { nodes: { root: { routerType: "Sequence" as const, steps: [{ serviceName: "first" }] } } },
    };
    await home.cluster.create(inferenceGraphs, graph);
    await until("flow", "False GraphServiceNotFound");
    const isvc = sklearn("first");
    await home.cluster.create(inferenceServices, isvc);
    await until("flow", "False GraphServiceNotReady");
    await setPodStatus(home, "isvc.first-predictor", readyPod);
    await home.until(keyOf(isvc), isReady);
    await setPodStatus(home, "isvc.flow", readyPod);
    const served = await until("flow", "True");
    assert.equal(served.status?.url, `http://flow-${namespace}.localhost:8080`);
    const deployment = await home.cluster.get(resources.deployments, { namespace, name: "flow" });
    const [flag, json] = deployment?.spec?.template.spec?.containers[0]?.args ?? [];
    assert.equal(flag, "--graph-json");
    assert.match(json ?? "", /first-predictor\.\S+\/v1\/models\/first:predict/);
    const route = await home.cluster.get(resources.httpRoutes, { namespace, name: "flow" });
    assert.deepEqual(route?.spec.hostnames, [`flow-${namespace}.localhost`]);
  });

  it("says why its router cannot run, while that lasts", async () => {
    const steps = [{ serviceUrl: "http://a.example.com" }];
    await home.cluster.create(inferenceGraphs, {
      apiVersion: "serving.kserve.io/v1alpha1",
      kind: "InferenceGraph",
      metadata: { name: "stuck", namespace },
      spec: { nodes: { root: { routerType: "Sequence" as const, steps } } },
    });
    const waiting = { reason: "ImagePullBackOff", message: "no such image" };
    const container = { name: "stuck", image: "kserve/router", imageID: "", ready: false, restartCount: 0 };
    const blocked = { phase: "Pending", containerStatuses: [{ ...container, state: { waiting } }] };
    await setPodStatus(home, "isvc.stuck", blocked as never);
    const because = (graph: InferenceGraph | undefined) => graph?.status?.serval?.code;
    const told = await untilObject(home, inferenceGraphs, "stuck", (graph) => because(graph) !== undefined);
    assert.match(told?.status?.serval?.message ?? "", /Container stuck of pod stuck-\S+ .*no such image/);
    await setPodStatus(home, "isvc.stuck", readyPod);
    const served = await until("stuck", "True");
    assert.equal(served.status?.serval, undefined);
  });

  it("makes no write when nothing changes, stops and starts again", async () => {
    await home.quiet();
    home.calls.splice(0);
    await home.restartOperator();
    await home.quiet();
    assert.deepEqual(home.calls.splice(0), []);
    const key = { namespace, name: "flow" };
    const annotate = (value: string | null) =>
      home.cluster.patch(inferenceGraphs, key, {
        type: "merge",
        body: { metadata: { annotations: { "serving.kserve.io/stop": value } } },
      });
    await annotate("true");
    const stopped = await until("flow", "False Stopped");
    assert.equal(stopped.status?.url, undefined);
    await annotate(null);
    await setPodStatus(home, "isvc.flow", readyPod);
    await until("flow", "True");
  });
});
