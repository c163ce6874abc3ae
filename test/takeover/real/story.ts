// SPDX-License-Identifier: Apache-2.0
// Runs inside the namespaces of a real cluster: KServe's manager serves in real pods, requests never pause, Serval takes
// over, users edit, KServe gets everything back, Serval takes over once more. One table says what it cost.
import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type HTTPRoute, inferenceServices, type Pod, resources } from "@serval/api";
import { askUntil } from "../../real/ask.ts";
import { manifest, namespaceWithModels, type RealCluster, realCluster } from "../../real/cluster.ts";
import { type Load, startLoad } from "../../real/load.ts";
import { type Activity, watchActivity } from "../activity.ts";
import { guideCommands } from "../guide.ts";
import { changesBetween, restartsBetween, type Snapshot, takeSnapshot } from "../record.ts";
import { servalDone } from "../serval.ts";
import { until } from "../until.ts";
import { type Admission, watchAdmission } from "./admission.ts";
import { installKserve } from "./kserve.ts";
import { edited, keptEnv, namespace, runtime, services, targets } from "./services.ts";

interface Row {
  readonly step: string;
  readonly seconds: number;
  readonly pods: readonly string[];
  readonly restarts: number;
  readonly requests: number;
  readonly failures: readonly string[];
  readonly refused: number;
  readonly gapMs: number;
  readonly fields: number;
}

interface Story {
  readonly real: RealCluster;
  readonly activity: Activity;
  readonly load: Load;
  readonly admission: Admission;
  readonly out: string;
  readonly rows: Row[];
}

/** Requests of all workers in a second, however many services there are: the machine does the rest, too. */
const requestsPerSecond = 100;
const startedAt = performance.now();
const say = (line: string): void =>
  console.log(`${((performance.now() - startedAt) / 1_000).toFixed(1).padStart(6)} s  ${line}`);

const restartCount = (snapshot: Snapshot): number =>
  ([...snapshot.values()] as Pod[])
    .filter(({ kind }) => kind === "Pod")
    .flatMap(({ status }) => status?.containerStatuses ?? [])
    .reduce((sum, { restartCount: count = 0 }) => sum + count, 0);

/** Measures one step. Its requests are those that end between its beginning and its rest. */
async function step(story: Story, name: string, act: () => Promise<unknown>): Promise<Row> {
  const { real, load, admission, activity, out, rows } = story;
  const before = await takeSnapshot(real.cluster);
  const asked = load.result();
  admission.lap();
  const at = performance.now();
  await act();
  const seconds = (performance.now() - at) / 1_000;
  await activity.settle();
  const [after, answered] = [await takeSnapshot(real.cluster), load.result()];
  const { refused, gapMs, reasons } = admission.lap();
  const changes = changesBetween(before, after);
  await writeFile(join(out, `${rows.length}-${name.replaceAll(" ", "-")}.json`), JSON.stringify(changes, undefined, 2));
  const row: Row = {
    ...{ step: name, seconds, refused, gapMs, fields: changes.length },
    pods: restartsBetween(before, after).pods,
    restarts: restartCount(after) - restartCount(before),
    requests: answered.requests - asked.requests,
    failures: answered.failures.slice(asked.failures.length),
  };
  rows.push(row);
  say(
    `${name}: ${seconds.toFixed(1)} s, ${row.pods.length} pods replaced, ${row.failures.length} of ${row.requests} failed`,
  );
  for (const reason of reasons) say(`  refused: ${reason}`);
  return row;
}

const predictor = (real: RealCluster, name: string, body: object): Promise<unknown> =>
  real.cluster.patch(inferenceServices, { namespace, name }, { type: "merge", body: { spec: { predictor: body } } });

const rolledOut = (real: RealCluster, name: string, variables: readonly string[]): Promise<boolean> =>
  until(`the roll-out of ${name}`, async () => {
    const { metadata, spec, status } =
      (await real.cluster.get(resources.deployments, { namespace, name: `${name}-predictor` })) ?? {};
    const names = spec?.template.spec?.containers[0]?.env?.map((each) => each.name) ?? [];
    const isDone = status?.observedGeneration === metadata?.generation && status?.updatedReplicas === 1;
    const isRight = !names.includes("REMOVED") && variables.every((each) => names.includes(each));
    return isRight && isDone && status?.replicas === 1 && status.availableReplicas === 1 ? true : undefined;
  });

async function weights(real: RealCluster): Promise<string> {
  const route = await real.cluster.get(resources.httpRoutes, { namespace, name: edited.canary });
  const backends = ((route as HTTPRoute | undefined)?.spec.rules ?? []).flatMap(({ backendRefs = [] }) => backendRefs);
  return backends.map(({ name, weight = 1 }) => `${name}:${weight}`).join(" ");
}

const weightsAre = (real: RealCluster, wanted: RegExp): Promise<boolean> =>
  until(`the canary's weights ${wanted}`, async () => (wanted.test(await weights(real)) ? true : undefined));

async function edits({ real }: Story): Promise<void> {
  await predictor(real, edited.spec, { model: { env: [{ name: "EDITED", value: "1" }] } });
  await predictor(real, edited.env, { model: { env: keptEnv } });
  await Promise.all([rolledOut(real, edited.spec, ["EDITED"]), rolledOut(real, edited.env, ["KEPT"])]);
}

async function canary({ real }: Story): Promise<void> {
  const step = [{ name: "STEP", value: "2" }];
  await predictor(real, edited.canary, { canaryTrafficPercent: 20, model: { env: step } });
  await weightsAre(real, /canary-predictor:80 canary-predictor-canary:20/);
  await predictor(real, edited.canary, { canaryTrafficPercent: null, model: { env: null } });
  await weightsAre(real, /^canary-predictor:\d+$/);
  await until("the canary's end", async () => {
    const key = { namespace, name: "canary-predictor-2" };
    return (await real.cluster.get(resources.deployments, key)) === undefined ? true : undefined;
  });
}

function table(rows: readonly Row[]): string {
  const head = ["step", "s", "pods replaced", "restarts", "failed / requests", "refused writes (longest)", "fields"];
  const lines = rows.map((row) => [
    row.step,
    row.seconds.toFixed(1),
    String(row.pods.length),
    String(row.restarts),
    `${row.failures.length} / ${row.requests}`,
    row.refused === 0 ? "0" : `${row.refused} (${(row.gapMs / 1_000).toFixed(1)} s)`,
    String(row.fields),
  ]);
  const rule = head.map(() => "---");
  return [head, rule, ...lines].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

/** @throws AssertionError unless hand-overs replace no pod, edits only those of the edited, and nothing is refused. */
function judge(rows: readonly Row[]): void {
  const changed = new RegExp(`^Pod ${namespace}/(${edited.spec}|${edited.env})-predictor-`);
  for (const row of rows) {
    const wrong = row.step === "edits" ? row.pods.filter((pod) => !changed.test(pod)) : row.pods;
    assert.deepEqual(wrong, [], `${row.step}: pods were replaced`);
    assert.equal(row.restarts > 0 && row.step !== "edits", false, `${row.step}: containers restarted`);
    assert.deepEqual(row.failures, [], `${row.step}: requests failed`);
    assert.equal(row.refused, 0, `${row.step}: writes were refused`);
  }
}

async function play(story: Story): Promise<void> {
  const [look = [], apply = [], back = []] = guideCommands();
  const { kubeconfig } = story.real.placed.layout;
  const run = async (command: readonly string[]): Promise<void> => {
    for (const line of (await servalDone(kubeconfig, ...command)).trim().split("\n")) say(`  ${line}`);
  };
  const { kubectl } = story.real;
  const takeOver = async (): Promise<void> => {
    await run(apply);
    if (process.env["SERVAL_TAKEOVER_LOG"] === undefined) return;
    console.error(await kubectl(["logs", "-n", "serval-system", "deployment/serval-operator", "--timestamps"]));
  };
  await step(story, "Serval beside KServe", async () => {
    await kubectl(["apply", "--server-side", "-f", manifest]);
    await kubectl(["rollout", "status", "-n", "serval-system", "deployment/serval-operator", "--timeout=180s"]);
  });
  const { blockers } = JSON.parse(await servalDone(kubeconfig, ...look, "-o", "json")) as { blockers: unknown[] };
  assert.deepEqual(blockers, []);
  await step(story, "taken over", takeOver);
  await step(story, "edits", () => edits(story));
  await step(story, "canary and roll-back", () => canary(story));
  await step(story, "given back", () => run(back));
  await step(story, "taken over again", takeOver);
}

async function serve(real: RealCluster, count: number): Promise<ReturnType<typeof targets>> {
  await namespaceWithModels(real, namespace);
  const all = services(count);
  await real.kubectl(["create", "-f", "-"], [runtime, ...all].map((each) => JSON.stringify(each)).join("\n---\n"));
  const wait = ["wait", "-n", namespace, "--for=condition=Ready", "isvc", "--all", "--timeout=400s"];
  const { code, stderr } = await real.tell(wait);
  if (code !== 0) {
    const around = await real.tell(["get", "isvc,pods,httproutes", "-n", namespace, "-o", "wide"]);
    const log = await real.tell(["logs", "-n", "kserve", "deployment/kserve-controller-manager", "--tail=15"]);
    throw new Error(`${stderr}${around.stdout}${log.stdout}`);
  }
  const asked = targets(all);
  for (const { url, host, body } of asked) await askUntil(url, { body, ...(host === undefined ? {} : { host }) });
  return asked;
}

async function main([program = "", count = "6", out = ""]: readonly string[]): Promise<void> {
  await mkdir(out, { recursive: true });
  await using real = await realCluster();
  const ending = new AbortController();
  await installKserve(real, program);
  say("KServe's manager is ready");
  const asked = await serve(real, Number(count));
  say(`KServe serves ${count} services`);
  const activity = await watchActivity(real.cluster, ending.signal);
  const load = startLoad(asked, (2 * asked.length * 1_000) / requestsPerSecond);
  const admission = watchAdmission(real.cluster, { namespace, name: edited.canary });
  const rows: Row[] = [];
  try {
    await play({ real, activity, load, admission, out, rows });
  } finally {
    await Promise.all([load.stop(), admission.stop()]);
    ending.abort();
    await writeFile(join(out, "steps.json"), JSON.stringify(rows, undefined, 2));
    console.log(table(rows));
  }
  judge(rows);
}

main(process.argv.slice(2)).then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
