// SPDX-License-Identifier: Apache-2.0
// The take-over without KServe's program: recorded cases written as its manager wrote them, on a real kube-apiserver with
// a real Deployment controller.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { annotations, type Deployment, inferenceServices, resources } from "@serval/api";
import { createCluster, remoteTransport } from "@serval/kube";
import { silentLogger } from "@serval/observe";
import { type Operator, startOperator } from "@serval/operator";
import { returnAll, unreturnable } from "@serval/operator/adoption/return-all.ts";
import { openView } from "@serval/operator/adoption/view.ts";
import { findAssets } from "../cluster/kube-apiserver.ts";
import { type FoundCase, goldenFolder, readCases } from "../golden/case.ts";
import { namespace } from "../golden/context.ts";
import { type Activity, watchActivity } from "./activity.ts";
import { changesBetween, movesTraffic, readyNames, restartsBetween, type Snapshot, takeSnapshot } from "./record.ts";
import { writeOld, writeRecorded } from "./recorded.ts";
import { shapesSkip } from "./shapes.ts";
import { until } from "./until.ts";
import { startWorld, type World } from "./world.ts";

/** One of each concern; all were recorded with Gateway API, and their names differ. */
const names = ["gw-minimal", "gw-transformer", "gw-explainer", "gw-labels-annotations", "gw-timeout", "seed-tgiserver"];

const assets = await findAssets(["kube-apiserver", "kube-controller-manager"]);
const reason = assets.startsWith("skip:") ? assets.slice(6) : shapesSkip;
const skip = reason === undefined ? {} : { skip: reason };

const chosen = (): FoundCase[] =>
  readCases(join(goldenFolder, "raw-gateway")).filter(({ golden }) => names.includes(golden.case));

interface Running {
  readonly operator: Operator;
  stop(): Promise<void>;
}

async function runServal({ server }: World): Promise<Running> {
  const ending = new AbortController();
  const cluster = createCluster(remoteTransport(server.access), "serval-operator");
  const operator = await startOperator({ cluster, log: silentLogger, signal: ending.signal, drainMs: 0 });
  await operator.synced;
  return {
    operator,
    async stop() {
      ending.abort();
      await operator.stopped;
      await cluster[Symbol.asyncDispose]();
    },
  };
}

/** In a second of its own: managedFields know no smaller time. */
async function editLater({ server: { cluster } }: World, name: string): Promise<void> {
  const from = Math.floor(Date.now() / 1_000);
  await until("the next second", () => (Math.floor(Date.now() / 1_000) > from ? true : undefined));
  const body = { spec: { predictor: { model: { storageUri: "s3://models/edited" } } } };
  const patch = { type: "merge", body } as const;
  await cluster.patch(inferenceServices, { namespace, name }, patch, { fieldManager: "kubectl-edit" });
}

const withoutMissed = (snapshot: Snapshot): Snapshot =>
  new Map([...snapshot].filter(([name]) => !name.includes(`${namespace}/missed`)));

function assertUntouched(first: Snapshot, second: Snapshot): void {
  assert.deepEqual(restartsBetween(first, second), { pods: [], replicaSets: [] });
  const lost = readyNames(first).filter((name) => !readyNames(second).includes(name));
  assert.deepEqual(lost, []);
  const moved = changesBetween(first, second).filter((change) => change.before !== undefined && movesTraffic(change));
  assert.deepEqual(moved, []);
}

describe("objects that KServe's manager wrote", skip, () => {
  const ending = new AbortController();
  let world: World;
  let activity: Activity;
  let serval: Running;
  let written: Snapshot;
  let taken: Snapshot;
  const deployments = async (): Promise<Deployment[]> =>
    (await world.server.cluster.list(resources.deployments, { namespace })).items;

  before(async () => {
    world = await startWorld();
    const { cluster } = world.server;
    await world.create({ apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } });
    await until("the namespace's account", () =>
      cluster.get(resources.serviceAccounts, { namespace, name: "default" }),
    );
    activity = await watchActivity(cluster, ending.signal);
    for (const found of chosen()) await writeRecorded(world, found);
    const minimal = chosen().find(({ golden }) => golden.case === "gw-minimal") as FoundCase;
    await writeOld(world, minimal, "old");
    await writeOld(world, minimal, "missed");
    await editLater(world, "missed");
    await activity.settle(1_500);
    written = await takeSnapshot(cluster);
    serval = await runServal(world);
    await activity.settle(1_500);
    taken = await takeSnapshot(cluster);
  });
  after(async () => {
    ending.abort();
    await serval?.stop();
    await world?.close();
  });

  it("are taken over, and no pod is replaced", () => {
    assert.ok(readyNames(written).length >= names.length, `${readyNames(written)}`);
    assertUntouched(withoutMissed(written), withoutMissed(taken));
  });

  it("are rolled out where an edit was made while nobody acted", async () => {
    const { pods } = restartsBetween(written, taken);
    assert.equal(pods.length, 1);
    assert.match(pods[0] ?? "", /missed-predictor/);
    const stored = await world.server.cluster.get(resources.deployments, { namespace, name: "missed-predictor" });
    assert.deepEqual(stored?.spec?.template.spec?.initContainers?.[0]?.args, ["s3://models/edited", "/mnt/models"]);
  });

  it("keep KServe's template, with our mark beside it", async () => {
    for (const { metadata, spec } of await deployments()) {
      if (metadata.name === "missed-predictor") continue;
      assert.ok(metadata.annotations?.[annotations.adopted] !== undefined, metadata.name);
      assert.equal(spec?.template.metadata?.annotations?.[annotations.adopted], undefined);
      assert.deepEqual(spec?.template.spec?.initContainers, undefined, metadata.name);
    }
  });

  it("are ours in managedFields, but for Deployments, and lose KServe's finalizer", async () => {
    const { cluster } = world.server;
    for (const type of [resources.services, resources.horizontalPodAutoscalers, resources.httpRoutes]) {
      const { items } = await cluster.list(type as typeof resources.services, { namespace });
      for (const { metadata } of items) {
        const managers = (metadata.managedFields ?? []).map(({ manager, operation }) => `${manager} ${operation}`);
        assert.ok(managers.includes("serval-operator Apply"), `${metadata.name}: ${managers}`);
        assert.ok(!managers.includes("manager Update"), `${metadata.name}: ${managers}`);
      }
    }
    const { items } = await cluster.list(inferenceServices, { namespace });
    for (const { metadata } of items) assert.deepEqual(metadata.finalizers ?? [], [], metadata.name);
  });

  it("are left alone by an operator that starts again", async () => {
    await serval.stop();
    serval = await runServal(world);
    await activity.settle(1_500);
    assert.deepEqual(changesBetween(taken, await takeSnapshot(world.server.cluster)), []);
  });

  it("get the whole pod with the next edit, and what KServe wrote and nobody says any more goes", async () => {
    const { cluster } = world.server;
    const key = { namespace, name: "gmin" };
    const body = { spec: { predictor: { model: { storageUri: "s3://models/next" } } } };
    await cluster.patch(inferenceServices, key, { type: "merge", body });
    const { metadata, spec } = await until("the edit", async () => {
      const stored = await cluster.get(resources.deployments, { namespace, name: "gmin-predictor" });
      const isRolled = stored?.status?.updatedReplicas === 1 && stored.status.replicas === 1;
      return isRolled && stored.spec?.template.spec?.initContainers?.[0] !== undefined ? stored : undefined;
    });
    assert.deepEqual(spec?.template.spec?.initContainers?.[0]?.args, ["s3://models/next", "/mnt/models"]);
    assert.equal(metadata.annotations?.[annotations.adopted], undefined);
    const internal = Object.keys(spec?.template.metadata?.annotations ?? {}).filter((name) =>
      name.startsWith("internal."),
    );
    assert.deepEqual(internal, []);
  });

  it("cannot go back in the middle of a canary that KServe would ignore", async () => {
    const { cluster } = world.server;
    const key = { namespace, name: "gto" };
    const before = await cluster.get(inferenceServices, key);
    const edit = (predictor: object) =>
      cluster.patch(inferenceServices, key, { type: "merge", body: { spec: { predictor } } });
    const second = () => cluster.get(resources.deployments, { namespace, name: "gto-predictor-2" });
    await edit({ canaryTrafficPercent: 10, model: { storageUri: "s3://models/canary" } });
    await until("the canary", second);
    const looking = new AbortController();
    const deps = await openView({ cluster, log: silentLogger, signal: looking.signal });
    assert.deepEqual(await unreturnable(deps), [`${namespace}/gto`]);
    await edit({ canaryTrafficPercent: null, model: { storageUri: before?.spec.predictor.model?.storageUri } });
    await until("the canary's end", async () => ((await second()) === undefined ? true : undefined));
    await until("the way back", async () => ((await unreturnable(deps)).length === 0 ? true : undefined));
    looking.abort();
  });

  it("go back as KServe writes them, and no pod is replaced", async () => {
    const { cluster } = world.server;
    await activity.settle(1_500);
    await serval.stop();
    const edited = await takeSnapshot(cluster);
    const looking = new AbortController();
    const deps = await openView({ cluster, log: silentLogger, signal: looking.signal });
    const results: string[] = [];
    await returnAll({
      cluster,
      deps,
      deadlineMs: 60_000,
      onDone: (done) => results.push(`${done.return} ${done.object}`),
    });
    looking.abort();
    await activity.settle(1_500);
    assertUntouched(edited, await takeSnapshot(cluster));
    assert.ok(results.includes(`rewritten Deployment ${namespace}/gmin-predictor`), results.join("\n"));
    for (const { metadata, spec } of await deployments()) {
      assert.equal(metadata.annotations?.[annotations.adopted], undefined);
      assert.equal(spec?.paused, undefined);
      assert.deepEqual(spec?.template.spec?.initContainers, undefined, metadata.name);
    }
  });
});
