// SPDX-License-Identifier: Apache-2.0
// A quota that a Deployment runs into, end to end: refused pods, the reason on the Deployment, usage in the status.
import assert from "node:assert/strict";
import { after, before, it } from "node:test";
import { type Deployment, type ResourceQuota, resources } from "@serval/api";
import { type PodHome, shell, startPodHome } from "../kubelet/testing/pod-home.ts";

let home: PodHome;
before(async () => {
  home = await startPodHome({ octet: 16, controllers: true });
});
after(() => home[Symbol.asyncDispose]());

const key = (name: string) => ({ namespace: "default", name });
const used =
  (wanted: Record<string, string>) =>
  ({ status }: ResourceQuota): boolean =>
    Object.entries(wanted).every(([name, amount]) => status?.used?.[name] === amount);

it("a quota bounds a Deployment and says so", async () => {
  const { cluster } = home;
  await cluster.create(resources.resourceQuotas, {
    apiVersion: "v1",
    kind: "ResourceQuota",
    metadata: { name: "small", namespace: "default" },
    spec: { hard: { pods: "1", "requests.cpu": "1", "count/deployments.apps": "2" } },
  });
  await cluster.create(resources.deployments, {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "wide", namespace: "default" },
    spec: {
      replicas: 2,
      selector: { matchLabels: { app: "wide" } },
      template: {
        metadata: { labels: { app: "wide" } },
        spec: {
          terminationGracePeriodSeconds: 0,
          containers: [shell("sleep 60", { resources: { requests: { cpu: "250m" } } })],
        },
      },
    },
  } as unknown as Deployment);
  const failing = await home.until(
    resources.deployments,
    key("wide"),
    ({ status }) => status?.conditions?.some(({ type }) => type === "ReplicaFailure") === true,
    "limited",
  );
  const condition = failing.status?.conditions?.find(({ type }) => type === "ReplicaFailure");
  assert.deepEqual([condition?.status, condition?.reason], ["True", "FailedCreate"]);
  assert.match(
    condition?.message ?? "",
    /^pods "wide-[^"]+" is forbidden: exceeded quota: small, requested: pods=1, used: pods=1, limited: pods=1$/,
  );
  await home.until(
    resources.resourceQuotas,
    key("small"),
    used({ pods: "1", "requests.cpu": "250m", "count/deployments.apps": "1" }),
    "counted",
  );
  await cluster.patch(resources.deployments, key("wide"), { type: "merge", body: { spec: { replicas: 1 } } });
  await home.until(
    resources.deployments,
    key("wide"),
    ({ status }) => status?.conditions?.every(({ type }) => type !== "ReplicaFailure") === true,
    "within the quota",
  );
  await cluster.delete(resources.deployments, key("wide"));
  await home.until(resources.resourceQuotas, key("small"), used({ pods: "0", "count/deployments.apps": "0" }), "free");
});
