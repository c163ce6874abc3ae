// SPDX-License-Identifier: Apache-2.0
// The operator's stories on a real kube-apiserver. Deployments, ReplicaSets and garbage are driven by the embedded home's
// own controllers, which only know `Cluster`: the same code in both homes.
import { after, describe } from "node:test";
import { inferenceServices, resources } from "@serval/api";
import { startControllers } from "@serval/embedded/controllers/index.ts";
import { thisNode } from "@serval/embedded/controllers/scheduler.ts";
import { silentLogger } from "@serval/observe";
import { findAssets, startRealApiServer } from "./kube-apiserver.ts";

const assets = await findAssets();

if (assets.startsWith("skip:")) describe("the operator on a real kube-apiserver", { skip: assets.slice(6) }, () => {});
else {
  const server = await startRealApiServer(assets);
  const stop = new AbortController();
  const types = [
    resources.pods,
    resources.replicaSets,
    resources.deployments,
    resources.services,
    resources.horizontalPodAutoscalers,
    resources.httpRoutes,
    inferenceServices,
  ];
  const controllers = startControllers({
    cluster: server.cluster,
    dataDir: "",
    types: types as never,
    node: thisNode("test"),
    signal: stop.signal,
    log: silentLogger,
  });
  after(async () => {
    stop.abort();
    await controllers.stopped;
    await server.close();
  });
  process.env["SERVAL_TEST_KUBECONFIG"] = server.kubeconfig;
  // Imported only now: the stories choose their home when they are loaded.
  await import("../operator/operator.test.ts");
  await import("../operator/pods.test.ts");
  await import("../operator/causes.test.ts");
}
