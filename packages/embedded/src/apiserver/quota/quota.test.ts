// SPDX-License-Identifier: Apache-2.0
// ResourceQuotas: what things cost, what is refused and in which words.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Pod, resources } from "@serval/api";
import { configMap, configMaps, pod, pods, testServer, widget, widgets } from "../testing/servers.ts";
import { amountsOf, amountText } from "./usage.ts";

const quotas = "/api/v1/namespaces/default/resourcequotas";
const quota = (name: string, hard: Record<string, string>, more: object = {}) => ({
  apiVersion: "v1",
  kind: "ResourceQuota",
  metadata: { name },
  spec: { hard, ...more },
});
const requests = (cpu: string, memory = "1Gi") => ({
  containers: [{ name: "main", image: "busybox:1", resources: { requests: { cpu, memory } } }],
});

describe("amountsOf()", () => {
  it("a pod: containers and sidecars together, init containers when they need more", () => {
    const spec = {
      containers: [
        { name: "a", resources: { requests: { cpu: "500m", "nvidia.com/gpu": "1" }, limits: { cpu: "1" } } },
      ],
      initContainers: [
        { name: "i", resources: { requests: { cpu: "2", memory: "1Gi" } } },
        { name: "s", restartPolicy: "Always", resources: { requests: { memory: "256Mi" } } },
      ],
    };
    const amounts = amountsOf(resources.pods, { spec } as unknown as Pod);
    const shown = Object.fromEntries([...amounts].map(([name, amount]) => [name, amountText(name, amount)]));
    assert.deepEqual(shown, {
      "count/pods": "1",
      pods: "1",
      "requests.cpu": "2",
      "requests.memory": "1Gi",
      "requests.nvidia.com/gpu": "1",
      cpu: "2",
      memory: "1Gi",
      "limits.cpu": "1",
    });
  });
  it("a pod that has ended is counted, and needs nothing", () => {
    const ended = { spec: requests("1"), status: { phase: "Succeeded" } } as unknown as Pod;
    assert.deepEqual([...amountsOf(resources.pods, ended).keys()], ["count/pods"]);
  });
});

describe("a quota", () => {
  const cases: {
    name: string;
    hard: Record<string, string>;
    more?: object;
    path: string;
    objects: object[];
    /** The last object is refused with it; undefined: it is let through. */
    refusal: string | undefined;
  }[] = [
    {
      name: "counts a custom kind",
      hard: { "count/widgets.example.dev": "1" },
      path: widgets,
      objects: [widget("a"), widget("b")],
      refusal:
        'widgets.example.dev "b" is forbidden: exceeded quota: q, requested: count/widgets.example.dev=1, used: count/widgets.example.dev=1, limited: count/widgets.example.dev=1',
    },
    {
      name: "counts pods and adds up what they request",
      hard: { pods: "5", "requests.cpu": "1", "requests.memory": "8Gi" },
      path: pods,
      objects: [pod("a", requests("600m")), pod("b", requests("500m"))],
      refusal:
        'pods "b" is forbidden: exceeded quota: q, requested: requests.cpu=500m, used: requests.cpu=600m, limited: requests.cpu=1',
    },
    {
      name: "of a resource wants it to be named",
      hard: { "limits.memory": "1Gi", "requests.cpu": "1" },
      path: pods,
      objects: [pod("a")],
      refusal: 'pods "a" is forbidden: failed quota: q: must specify limits.memory for: main; requests.cpu for: main',
    },
    {
      name: "lets through what fits",
      hard: { configmaps: "2" },
      path: configMaps,
      objects: [configMap("a"), configMap("b")],
      refusal: undefined,
    },
    {
      name: "says nothing about pods outside of its scope",
      hard: { pods: "0" },
      more: { scopes: ["Terminating"] },
      path: pods,
      objects: [pod("a")],
      refusal: undefined,
    },
    {
      name: "speaks about pods of its scope",
      hard: { pods: "0" },
      more: { scopes: ["Terminating"] },
      path: pods,
      objects: [pod("a", { activeDeadlineSeconds: 5 })],
      refusal: 'pods "a" is forbidden: exceeded quota: q, requested: pods=1, used: pods=0, limited: pods=0',
    },
  ];
  for (const { name, hard, more, path, objects, refusal } of cases) {
    it(name, async () => {
      const { ok, send } = await testServer();
      await ok("POST", quotas, { body: quota("q", hard, more) });
      for (const object of objects.slice(0, -1)) await ok("POST", path, { body: object });
      const { status, body } = await send("POST", path, { body: objects.at(-1) });
      assert.equal(status, refusal === undefined ? 201 : 403);
      if (refusal !== undefined) assert.equal((body as { message: string }).message, refusal);
    });
  }

  it("holds when many come at once", async () => {
    const { ok, send } = await testServer();
    await ok("POST", quotas, { body: quota("q", { "count/configmaps": "3" }) });
    const names = ["a", "b", "c", "d", "e", "f"];
    const answers = await Promise.all(names.map((name) => send("POST", configMaps, { body: configMap(name) })));
    assert.deepEqual(answers.map(({ status }) => status).sort(), [201, 201, 201, 403, 403, 403]);
  });
});
