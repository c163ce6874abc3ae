// SPDX-License-Identifier: Apache-2.0
// The autoscaler on real processes: a pod under load gets company, and loses it again when the load ends.
import assert from "node:assert/strict";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { type Deployment, type Event, type HorizontalPodAutoscaler, keyOf, resources } from "@serval/api";
import { type PodHome, shell, startPodHome } from "../../kubelet/testing/pod-home.ts";

const key = (name: string) => ({ namespace: "default", name });

let home: PodHome;
before(async () => {
  home = await startPodHome({ octet: 15, controllers: true, autoscaleEveryMs: 250 });
});
after(() => home[Symbol.asyncDispose]());

/** Busy while the file is there. */
const worker = (flag: string): string =>
  `while :; do if [ -e ${flag} ]; then i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; else sleep 0.1; fi; done`;

const deployment = (name: string, script: string): Deployment =>
  ({
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace: "default" },
    spec: {
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: {
          terminationGracePeriodSeconds: 0,
          containers: [shell(script, { resources: { requests: { cpu: "100m", memory: "16Mi" } } })],
        },
      },
    },
  }) as unknown as Deployment;

const autoscaler = (
  name: string,
  spec: Partial<NonNullable<HorizontalPodAutoscaler["spec"]>> = {},
): HorizontalPodAutoscaler => ({
  apiVersion: "autoscaling/v2",
  kind: "HorizontalPodAutoscaler",
  metadata: { name, namespace: "default" },
  spec: {
    scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name },
    minReplicas: 1,
    maxReplicas: 3,
    metrics: [{ type: "Resource", resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 50 } } }],
    ...spec,
  },
});

/** Events are written beside the status, in their own time. */
async function event(about: string, accept: (event: Event) => boolean): Promise<void> {
  const watched = home.cluster.watch(resources.coreEvents, {
    namespace: "default",
    signal: AbortSignal.timeout(10_000),
  });
  for await (const { type, object } of watched) {
    if (type !== "ADDED" && type !== "MODIFIED") continue;
    const found = object as unknown as Event;
    if (found.involvedObject.kind === "HorizontalPodAutoscaler" && found.involvedObject.name === about && accept(found))
      return;
  }
  assert.fail(`no such event of ${about}`);
}

const condition = (hpa: HorizontalPodAutoscaler, type: string) =>
  hpa.status?.conditions?.find((found) => found.type === type);

describe("an autoscaler", () => {
  it("grows a busy workload one pod at a time, shrinks an idle one after its window", async () => {
    const { cluster } = home;
    const flag = join(home.dataDir, "busy");
    await writeFile(flag, "");
    const replicas: number[] = [];
    await cluster.create(resources.deployments, deployment("load", worker(flag)));
    const onePod = { type: "Pods", value: 1, periodSeconds: 1 };
    const behavior = {
      scaleUp: { policies: [onePod] },
      scaleDown: { stabilizationWindowSeconds: 1, policies: [onePod] },
    };
    await cluster.create(resources.horizontalPodAutoscalers, autoscaler("load", { behavior }));
    const seen = async (count: number) => {
      await home.until(
        resources.deployments,
        key("load"),
        ({ spec }) => {
          const now = spec?.replicas ?? 1;
          if (replicas.at(-1) !== now) replicas.push(now);
          return now === count;
        },
        `${count} replicas`,
      );
    };
    await seen(3);
    const full = await home.until(
      resources.horizontalPodAutoscalers,
      key("load"),
      (hpa) => condition(hpa, "ScalingLimited")?.reason === "TooManyReplicas" && hpa.status?.currentReplicas === 3,
      "limited",
    );
    assert.equal(condition(full, "ScalingActive")?.reason, "ValidMetricFound");
    assert.ok((full.status?.currentMetrics?.[0]?.resource?.current.averageUtilization ?? 0) > 50);
    await rm(flag);
    await seen(1);
    assert.deepEqual(replicas, [1, 2, 3, 2, 1]);
    for (const message of [
      "New size: 2; reason: cpu resource utilization (percentage of request) above target",
      "New size: 1; reason: All metrics below target",
    ])
      await event("load", (found) => found.reason === "SuccessfulRescale" && found.message === message);
  });

  it("an idle workload costs no writes", async () => {
    await home.cluster.create(resources.deployments, deployment("idle", "while :; do sleep 5; done"));
    await home.cluster.create(resources.horizontalPodAutoscalers, autoscaler("idle"));
    const settled = await home.until(
      resources.horizontalPodAutoscalers,
      key("idle"),
      (hpa) => condition(hpa, "ScalingLimited") !== undefined,
      "settled",
    );
    const looks = 6;
    for (let n = 0; n < looks; n++) await home.kubelet.usage.measure();
    // As many looks as measurements of another workload that the same controller reports on.
    await home.cluster.create(resources.deployments, deployment("marker", "sleep 60"));
    await home.cluster.create(resources.horizontalPodAutoscalers, autoscaler("marker"));
    await home.until(
      resources.horizontalPodAutoscalers,
      key("marker"),
      (hpa) => condition(hpa, "ScalingLimited") !== undefined,
      "looked at",
    );
    const later = await home.cluster.get(resources.horizontalPodAutoscalers, keyOf(settled));
    assert.equal(later?.metadata.resourceVersion, settled.metadata.resourceVersion);
  });

  const refusals: {
    name: string;
    hpa: () => HorizontalPodAutoscaler;
    type: string;
    reason: string;
    message: RegExp;
  }[] = [
    {
      name: "lost",
      hpa: () => autoscaler("lost"),
      type: "AbleToScale",
      reason: "FailedGetScale",
      message: /unable to get the target's current scale: deployments\.apps "lost" not found$/,
    },
    {
      name: "outside",
      hpa: () =>
        autoscaler("outside", {
          scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "idle-two" },
          metrics: [
            { type: "External", external: { metric: { name: "queue" }, target: { type: "Value", value: "5" } } },
          ],
        }),
      type: "ScalingActive",
      reason: "FailedGetExternalMetric",
      message: /no custom or external metrics API is served here/,
    },
  ];
  for (const { name, hpa, type, reason, message } of refusals) {
    it(`says why it cannot scale: ${reason}`, async () => {
      await home.cluster.create(resources.deployments, deployment(`${name}-two`, "sleep 60"));
      if (name === "outside") await home.cluster.create(resources.deployments, deployment("idle-two", "sleep 60"));
      await home.cluster.create(resources.horizontalPodAutoscalers, hpa());
      const found = await home.until(
        resources.horizontalPodAutoscalers,
        key(name),
        (one) => condition(one, type)?.status === "False",
        reason,
      );
      assert.equal(condition(found, type)?.reason, reason);
      assert.match(condition(found, type)?.message ?? "", message);
      await event(name, (one) => one.reason === reason && one.type === "Warning");
    });
  }
});

describe("metrics.k8s.io", () => {
  it("shows what pods and the node use", async () => {
    const { transport } = home.cluster;
    const read = async (path: string) =>
      (await transport.send({ method: "GET", path })) as { status: number; body: never };
    const list = (await read("/apis/metrics.k8s.io/v1beta1/namespaces/default/pods")).body as {
      kind: string;
      items: { metadata: { name: string }; containers: { name: string; usage: { cpu: string; memory: string } }[] }[];
    };
    assert.equal(list.kind, "PodMetricsList");
    const idle = list.items.find(({ metadata }) => metadata.name.startsWith("idle-"));
    assert.match(idle?.containers[0]?.usage.memory ?? "", /^\d+Ki$/);
    const one = await read(`/apis/metrics.k8s.io/v1beta1/namespaces/default/pods/${idle?.metadata.name}`);
    assert.equal(one.status, 200);
    assert.equal((await read("/apis/metrics.k8s.io/v1beta1/namespaces/default/pods/none")).status, 404);
    const nodes = (await read("/apis/metrics.k8s.io/v1beta1/nodes")).body as { items: { usage: { cpu: string } }[] };
    assert.match(nodes.items[0]?.usage.cpu ?? "", /^\d+m?$/);
  });
});
