// SPDX-License-Identifier: Apache-2.0
// `npm run test:takeover -- --manager PATH [--only NAME …] [--out DIR] [--real [--services N]]`: KServe's real manager serves services of every
// recorded shape; Serval takes over, users edit, KServe gets everything back, and Serval takes over once more. No pod is
// replaced by a hand-over, and every changed field is written to DIR. With --real: N services in real pods, under load.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { resources } from "@serval/api";
import { freePort } from "../cluster/kube-apiserver.ts";
import { type Activity, watchActivity } from "./activity.ts";
import { installKserve, installServal, programsOf } from "./controllers.ts";
import { canaryAndBack, editedShape, editUri, removeEnv } from "./edits.ts";
import { expectedMoves } from "./expected.ts";
import { guideCommands } from "./guide.ts";
import { startNode } from "./nodes.ts";
import { runReal } from "./real/outside.ts";
import {
  type Change,
  changesBetween,
  movesTraffic,
  readyNames,
  restartsBetween,
  type Snapshot,
  takeSnapshot,
} from "./record.ts";
import { serval, servalDone } from "./serval.ts";
import { shapes, shapesSkip } from "./shapes.ts";
import { until } from "./until.ts";
import { applyShapes, startWorld, type World } from "./world.ts";

interface Story {
  readonly world: World;
  readonly activity: Activity;
  readonly out: string;
  readonly say: (line: string) => void;
  /** Services that KServe itself got ready. */
  readonly ready?: readonly string[];
}

const startedAt = performance.now();
const say = (line: string): void =>
  console.log(`${((performance.now() - startedAt) / 1_000).toFixed(1).padStart(6)} s  ${line}`);

interface HandOver {
  readonly name: string;
  readonly before: Snapshot;
  readonly after: Snapshot;
}

/** Writes what changed; @throws AssertionError when a pod was replaced, a service was lost or traffic moved. */
async function check({ out, ready = [] }: Story, { name, before, after }: HandOver): Promise<void> {
  const changes = changesBetween(before, after);
  await writeFile(join(out, `${name}.json`), `${JSON.stringify(changes, undefined, 2)}\n`);
  const restarts = restartsBetween(before, after);
  const owners = new Set(restarts.replicaSets.map((set) => set.replace(/^ReplicaSet /, "").replace(/-[^-]+$/, "")));
  const rolled = [...owners].filter((owner) => before.has(`Deployment ${owner}`));
  const lost = ready.filter((service) => !readyNames(after).includes(service));
  const moved = changes.filter((change: Change) => change.before !== undefined && movesTraffic(change));
  const unexpected = moved.filter(
    (change) => !expectedMoves.some(({ object, field }) => object.test(change.object) && field.test(change.field)),
  );
  const states = `${readyNames(after).length} Ready (before: ${readyNames(before).length})`;
  say(
    `${name}: ${restarts.pods.length} pods replaced, ${states}, ${changes.length} changed fields, ${moved.length} of routes and Services`,
  );
  assert.deepEqual(restarts.pods, [], `${name}: pods were replaced`);
  assert.deepEqual(rolled, [], `${name}: Deployments were rolled out`);
  assert.deepEqual(lost, [], `${name}: services were Ready before`);
  assert.deepEqual(unexpected, [], `${name}: traffic moved`);
}

const [look = [], apply = [], back = []] = guideCommands();

async function handOver(story: Story, name: string, command: readonly string[]): Promise<void> {
  const { world, activity } = story;
  const before = await takeSnapshot(world.server.cluster);
  const told = await servalDone(world.server.kubeconfig, ...command);
  for (const line of told.trim().split("\n")) say(`  ${line}`);
  await activity.settle();
  await check(story, { name, before, after: await takeSnapshot(world.server.cluster) });
}

async function standBy({ world, activity }: Story): Promise<void> {
  const { cluster, kubeconfig } = world.server;
  const refused = await serval(kubeconfig, ...apply);
  assert.equal(refused.code, 1);
  assert.match(refused.err, /SV7005[\s\S]*Serval is not installed/);
  await installServal(world);
  await until(
    "Serval beside KServe",
    async () => {
      const key = { namespace: "serval-system", name: "serval-operator" };
      const { status } = (await cluster.get(resources.deployments, key)) ?? {};
      return status?.readyReplicas === 1 ? true : undefined;
    },
    240_000,
  );
  await activity.settle();
}

async function plan({ world, out }: Story): Promise<void> {
  const { kubeconfig } = world.server;
  const text = await servalDone(kubeconfig, ...look);
  await writeFile(join(out, "plan.txt"), text);
  const { rows, blockers } = JSON.parse(await servalDone(kubeconfig, ...look, "-o", "json"));
  assert.deepEqual(blockers, []);
  const pods = (rows as { pods: number; object: string }[]).filter((row) => row.pods > 0);
  assert.deepEqual(pods, [], "the plan replaces no pod");
  say(`plan: ${rows.length} objects, 0 pods (${join(out, "plan.txt")})`);
}

async function play(given: Story, only: readonly string[]): Promise<void> {
  const { world, activity } = given;
  const { cluster } = world.server;
  const all = [...shapes(only), editedShape];
  await applyShapes(world, all);
  await activity.settle();
  const first = await takeSnapshot(cluster);
  const story: Story = { ...given, ready: readyNames(first) };
  say(`KServe serves ${all.length} shapes: ${readyNames(first).length} objects Ready`);
  await standBy(story);
  await check(story, { name: "1-serval-stands-by", before: first, after: await takeSnapshot(cluster) });
  await plan(story);
  await handOver(story, "2-taken-over", apply);
  await editUri(cluster);
  await removeEnv(cluster);
  await canaryAndBack(cluster);
  await activity.settle();
  say("edited: a model, an env entry removed and gone, a canary rolled back");
  await handOver(story, "3-given-back", back);
  await handOver(story, "4-taken-over-again", apply);
}

function told(result: number | string, out: string): number {
  if (typeof result === "string") console.log(`0 passed, 0 failed, 1 skipped: ${result}`);
  else console.log(`every changed field: ${out}\n${result === 0 ? "1 passed, 0 failed" : "0 passed, 1 failed"}`);
  return typeof result === "string" ? 0 : result;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      manager: { type: "string" },
      only: { type: "string", multiple: true },
      out: { type: "string" },
      real: { type: "boolean", default: false },
      services: { type: "string", default: "12" },
    },
  });
  const manager = values.manager === undefined ? undefined : resolve(values.manager);
  const skip =
    manager === undefined || !existsSync(manager)
      ? "KServe's manager is not given: --manager PATH of its cmd/manager"
      : shapesSkip;
  if (skip !== undefined || manager === undefined) {
    console.log(`0 passed, 0 failed, 1 skipped: ${skip}`);
    return 0;
  }
  const out = resolve(values.out ?? (await mkdtemp(join(tmpdir(), "serval-takeover-"))));
  await mkdir(out, { recursive: true });
  if (values.real) return told(await runReal({ manager, out, services: Number(values.services) }), out);
  const world = await startWorld();
  const ending = new AbortController();
  const webhookPort = await freePort();
  const node = startNode(world, programsOf(world, manager, webhookPort), ending.signal);
  try {
    await installKserve(world, webhookPort);
    await until("KServe", async () => {
      const key = { namespace: "kserve", name: "kserve-controller-manager" };
      const { status } = (await world.server.cluster.get(resources.deployments, key)) ?? {};
      return status?.readyReplicas === 1 ? true : undefined;
    });
    const activity = await watchActivity(world.server.cluster, ending.signal);
    await play({ world, activity, out, say }, values.only ?? []);
    say(`every changed field: ${out}`);
    console.log("1 passed, 0 failed");
    return 0;
  } finally {
    ending.abort();
    await node.close();
    await world.close();
  }
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    console.error(error);
    console.log("0 passed, 1 failed");
    process.exit(1);
  },
);
