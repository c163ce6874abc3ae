// SPDX-License-Identifier: Apache-2.0
// The seed's pattern B for real: two models, a load generator, every step from the first share to promotion and back,
// in all three spellings. The split is read from the answers; not one request may fail.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, it, type TestContext } from "node:test";
import { type HTTPRoute, type KubeObject, keyOf, type ResourceType, resources } from "@serval/api";
import { createCluster, createInformer, loadKubeconfig, remoteTransport } from "@serval/kube";
import { Home, hostOf, isReady, root, type Service, within } from "./home.ts";
import { Load } from "./load.ts";

const examples = join(root, "examples");
const httpRoutes = resources.httpRoutes as unknown as ResourceType;

let home: Home;
before(async () => {
  home = await Home.make();
  await home.ready();
});
after(() => home.close());

/** Waits until nothing of that kind and name is there. */
async function gone(type: ResourceType, name: string): Promise<void> {
  const cluster = createCluster(remoteTransport(await loadKubeconfig(home.kubeconfig)), "serval-e2e");
  const abort = new AbortController();
  try {
    const informer = createInformer(cluster, type, { signal: abort.signal });
    const ended = Promise.withResolvers<void>();
    const isThere = (): boolean => informer.list().some((object: KubeObject) => keyOf(object).name === name);
    informer.onChange(() => {
      if (!isThere()) ended.resolve();
    });
    await informer.synced;
    if (!isThere()) ended.resolve();
    await within(`end of ${type.kind} ${name}`, ended.promise);
  } finally {
    abort.abort();
    await cluster[Symbol.asyncDispose]();
  }
}

/** One service under load, changed step by step as a user would. */
class Rollout {
  readonly name: string;
  readonly folder: string;
  #load: Load | undefined;
  #stable = "";
  #canary = "";

  constructor(name: string, folder: string) {
    this.name = name;
    this.folder = folder;
  }
  async apply(file: string): Promise<void> {
    const { code, stderr } = await home.serval("apply", "-f", join(examples, this.folder, file));
    assert.equal(code, 0, stderr);
  }
  /** The service is up, its answer is known, and requests come from now on. */
  async start(file: string): Promise<void> {
    await this.apply(file);
    const { status } = await home.until<Service>("readiness", this.name, isReady);
    const host = hostOf(status?.url ?? "");
    const path = `/v1/models/${this.name}:predict`;
    await home.askUntil(`/serving/default/${this.name}/v1/models/${this.name}`, 200);
    const body = JSON.parse(await readFile(join(examples, this.folder, `requests/${this.name}.json`), "utf8"));
    const answer = await home.ask(path, { host, body });
    assert.equal(answer.status, 200, answer.text);
    this.#stable = answer.text;
    this.#load = new Load(`${home.url}${path}`, host, body);
  }
  get load(): Load {
    assert.ok(this.#load);
    return this.#load;
  }
  async end(): Promise<void> {
    await this.#load?.stop();
  }

  /** Waits until the gateway serves these weights. */
  async weights(wanted: string): Promise<void> {
    await home.until<HTTPRoute>(
      `weights ${wanted}`,
      this.name,
      ({ spec, status, metadata }) => {
        const said = (spec.rules?.[0]?.backendRefs ?? []).map(({ name, weight }) => `${name}:${weight}`).join(" ");
        const seen = status?.parents?.[0]?.conditions?.every(
          ({ observedGeneration }) => observedGeneration === metadata.generation,
        );
        return said === wanted && seen === true;
      },
      httpRoutes,
    );
  }
  /** That share of `count` answers comes from the new model, within four standard deviations of a fair draw. */
  async split(percent: number, count = 1500): Promise<void> {
    const answers = await this.load.next(count);
    const others = [...answers.keys()].filter((text) => text !== this.#stable);
    if (this.#canary === "" && others.length === 1) this.#canary = others[0] as string;
    assert.deepEqual(
      others.filter((text) => text !== this.#canary),
      [],
      "answers of neither model",
    );
    const share = percent / 100;
    const got = answers.get(this.#canary) ?? 0;
    const tolerance = 4 * Math.sqrt(count * share * (1 - share));
    assert.ok(
      Math.abs(got - count * share) <= tolerance,
      `${got} of ${count} answers came from the new model, not ${percent} % ± ${tolerance.toFixed(0)}`,
    );
  }
  /** Ends the load: nothing failed in all of it. */
  async nothingFailed(atLeast: number, t: TestContext): Promise<void> {
    const missing = atLeast - this.load.requests;
    if (missing > 0) await this.load.next(missing);
    const { requests, failed } = await this.load.stop();
    assert.deepEqual(failed, {}, `of ${requests} requests`);
    assert.ok(requests >= atLeast, `${requests} requests`);
    t.diagnostic(`${requests} requests, none failed`);
  }
}

describe("a canary under load", () => {
  let rollout: Rollout;
  beforeEach(() => (rollout = new Rollout("cancer", "canary")));
  afterEach(async () => {
    await rollout.end();
    await home.serval("delete", "isvc", rollout.name);
    await gone(httpRoutes, rollout.name);
  });

  it("canaryTrafficPercent: prepare, raise, roll back, again, promote", async (t) => {
    await rollout.start("cancer.yaml");
    await rollout.apply("steps/1-prepare.yaml");
    await rollout.weights("cancer-predictor:90 cancer-predictor-canary:10");
    await rollout.split(10);
    await rollout.apply("steps/2-half.yaml");
    await rollout.weights("cancer-predictor:50 cancer-predictor-canary:50");
    await rollout.split(50);
    await rollout.apply("steps/3-none.yaml");
    await rollout.weights("cancer-predictor:100 cancer-predictor-canary:0");
    await rollout.split(0);
    await rollout.apply("cancer.yaml");
    await rollout.weights("cancer-predictor:1");
    await gone(resources.deployments as ResourceType, "cancer-predictor-2");
    await rollout.split(0, 500);

    await rollout.apply("steps/1-prepare.yaml");
    await rollout.weights("cancer-predictor:90 cancer-predictor-canary:10");
    await rollout.split(10);
    await rollout.apply("steps/4-promote.yaml");
    await rollout.weights("cancer-predictor:1");
    await rollout.split(100);
    await gone(resources.deployments as ResourceType, "cancer-predictor");
    await rollout.split(100);
    await rollout.nothingFailed(10_000, t);
  });

  it("the field beside the predictor: the same, back at once from half, and promoted", async (t) => {
    await rollout.start("cancer.yaml");
    await rollout.apply("steps/top-level.yaml");
    await rollout.weights("cancer-predictor:90 cancer-predictor-canary:10");
    await rollout.split(10);
    await rollout.apply("steps/2-half.yaml");
    await rollout.weights("cancer-predictor:50 cancer-predictor-canary:50");
    await rollout.apply("cancer.yaml");
    await rollout.weights("cancer-predictor:1");
    await rollout.split(0, 500);
    await rollout.apply("steps/top-level.yaml");
    await rollout.weights("cancer-predictor:90 cancer-predictor-canary:10");
    await rollout.apply("steps/4-promote.yaml");
    await rollout.weights("cancer-predictor:1");
    await gone(resources.deployments as ResourceType, "cancer-predictor");
    await rollout.split(100, 500);
    await rollout.nothingFailed(3000, t);
  });
});

describe("spec.canary under load", () => {
  const rollout = new Rollout("tumours", "canary-list");
  after(() => rollout.end());
  it("a named predictor beside the first, taken away, again, then in its place", async (t) => {
    await rollout.start("tumours.yaml");
    await rollout.apply("steps/1-canary.yaml");
    await rollout.weights("tumours-v1-predictor:80 tumours-v2-predictor:20");
    await rollout.split(20);
    await rollout.apply("tumours.yaml");
    await rollout.weights("tumours-v1-predictor:1");
    await gone(resources.deployments as ResourceType, "tumours-v2-predictor");
    await rollout.split(0, 500);
    await rollout.apply("steps/1-canary.yaml");
    await rollout.weights("tumours-v1-predictor:80 tumours-v2-predictor:20");
    await rollout.apply("steps/2-promote.yaml");
    await rollout.weights("tumours-v2-predictor:1");
    await gone(resources.deployments as ResourceType, "tumours-v1-predictor");
    await rollout.split(100, 500);
    await rollout.nothingFailed(3000, t);
  });
});
