// SPDX-License-Identifier: Apache-2.0
// The ConfigMap: a bad edit changes nothing and is told, a good one changes what it concerns and nothing else.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { configMapName, inferenceServices, keyOf, kserveNamespace, resources } from "@serval/api";
import {
  acceptRoutes,
  emptied,
  type Home,
  isReady,
  namespace,
  readyPod,
  setPodStatus,
  sklearn,
  startHome,
  untilObject,
} from "./home.ts";

const key = { namespace: kserveNamespace, name: configMapName };

describe("the inferenceservice-config ConfigMap", () => {
  let home: Home;
  const stop = new AbortController();
  before(async () => {
    home = await startHome();
    acceptRoutes(home, stop.signal);
    const isvc = sklearn("plain");
    await home.cluster.create(inferenceServices, isvc);
    await setPodStatus(home, "isvc.plain-predictor", readyPod);
    await home.until(keyOf(isvc), isReady);
    await home.quiet();
  });
  after(async () => {
    stop.abort();
    await emptied(home, inferenceServices);
    await home.close();
  });

  const set = (section: string, value: string) =>
    home.cluster.patch(resources.configMaps, key, { type: "merge", body: { data: { [section]: value } } });
  const problems = async (): Promise<number> => {
    const text = await home.metrics.metrics();
    return Number(/^kserve_config_problems (\d+)$/m.exec(text)?.[1]);
  };
  const eventOf = async (wanted: RegExp): Promise<string> => {
    for (const end = Date.now() + 10_000; ; ) {
      const { items } = await home.cluster.list(resources.coreEvents, { namespace: kserveNamespace });
      const found = items.find(({ message }) => wanted.test(message ?? ""));
      if (found !== undefined) return `${found.type} ${found.reason}`;
      assert.ok(Date.now() < end, `no event says ${wanted}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };

  it("keeps the last good settings after a bad edit, with an event and a metric", async () => {
    const before = await home.cluster.get(resources.configMaps, key);
    const good = before?.data?.["ingress"] ?? "";
    home.calls.splice(0);
    await set("ingress", '{"ingressDomain": 5}');
    assert.equal(await eventOf(/ingress\.ingressDomain/), "Warning InvalidConfig");
    assert.equal(await problems(), 1);
    await home.quiet();
    assert.deepEqual(
      home.calls.splice(0).filter((call) => !call.includes("events")),
      [],
      "no service is touched",
    );
    await home.cluster.create(inferenceServices, sklearn("later"));
    await setPodStatus(home, "isvc.later-predictor", readyPod);
    const later = await home.until({ namespace, name: "later" }, isReady);
    assert.match(later.status?.url ?? "", /localhost/);
    await set("ingress", good);
    await home.quiet();
    assert.equal(await problems(), 0);
  });

  it("changes only what a good edit concerns", async () => {
    home.calls.splice(0);
    await set("storageInitializer", JSON.stringify({ image: "example.com/fetch:2" }));
    await untilObject(
      home,
      resources.deployments,
      "plain-predictor",
      (deployment) => deployment?.spec?.template.spec?.initContainers?.[0]?.image === "example.com/fetch:2",
    );
    await home.quiet();
    const kinds = new Set(home.calls.splice(0).map((call) => call.replace(/^(PATCH|POST) /, "")));
    kinds.delete("inferenceservices/status");
    assert.deepEqual([...kinds], ["deployments"]);
  });
});
