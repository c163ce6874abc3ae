// SPDX-License-Identifier: Apache-2.0
// One service under load through a gateway, changed step by step as a user would; the split is read from the answers.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Load } from "../e2e/load.ts";
import { askUntil } from "./ask.ts";
import { until } from "./cluster/until.ts";
import { example, field, type RealCluster, ready, root } from "./cluster.ts";

const service = "cancer";
/** Per second: the node has few processors, and every pod of the story needs some. */
const rate = 160;
const path = `/v1/models/${service}:predict`;

interface Route {
  readonly metadata: { readonly generation: number };
  readonly spec: { readonly rules?: readonly { readonly backendRefs?: readonly { name: string; weight: number }[] }[] };
  readonly status?: {
    readonly parents?: readonly {
      readonly conditions?: readonly { readonly observedGeneration: number; readonly status: string }[];
    }[];
  };
}

export class Rollout {
  readonly #real: RealCluster;
  readonly #namespace: string;
  readonly #gateway: string;
  #load: Load | undefined;
  #stable = "";

  /** @param gateway URL of the front door that the load goes through. */
  constructor(real: RealCluster, namespace: string, gateway: string) {
    this.#real = real;
    this.#namespace = namespace;
    this.#gateway = gateway;
  }
  get load(): Load {
    assert.ok(this.#load);
    return this.#load;
  }

  /** @param file below examples/canary. */
  async apply(file: string): Promise<void> {
    await this.#real.kubectl(["apply", "-n", this.#namespace, "-f", "-"], await example(`canary/${file}`));
  }
  /** The service is up, its answer is known, and requests come from now on. */
  async start(): Promise<void> {
    await this.apply("cancer.yaml");
    const named = { namespace: this.#namespace, name: service };
    await ready(this.#real, named);
    const { host } = new URL(await field(this.#real, named, ".status.url"));
    const body: unknown = JSON.parse(await readFile(join(root, "examples/canary/requests/cancer.json"), "utf8"));
    this.#stable = (await askUntil(`${this.#gateway}${path}`, { host, body })).text;
    this.#load = new Load({ url: `${this.#gateway}${path}`, rate }, host, body);
  }
  /** Waits until a gateway says that it serves these weights. */
  async weights(wanted: string): Promise<void> {
    await until(`weights ${wanted}`, async () => {
      const text = await this.#real.kubectl(["get", "httproute", service, "-n", this.#namespace, "-o", "json"]);
      const { metadata, spec, status } = JSON.parse(text) as Route;
      const said = (spec.rules?.[0]?.backendRefs ?? []).map(({ name, weight }) => `${name}:${weight}`).join(" ");
      const conditions = status?.parents?.flatMap((parent) => parent.conditions ?? []) ?? [];
      const isSeen = conditions.every(({ observedGeneration }) => observedGeneration === metadata.generation);
      if (said !== wanted) throw new Error(`the route says ${said}`);
      return isSeen && conditions.length > 0;
    });
  }
  /**
   * That share of `count` answers is not the first model's, within four standard deviations of a fair draw. Answers that
   * were under way when the weights changed are not counted. @returns the share in percent.
   */
  async split(percent: number, count = 800): Promise<string> {
    await this.load.next(200);
    const answers = await this.load.next(count);
    const others = [...answers].filter(([text]) => text !== this.#stable).reduce((sum, [, times]) => sum + times, 0);
    const share = percent / 100;
    const tolerance = 4 * Math.sqrt(count * share * (1 - share));
    const told = `${((others / count) * 100).toFixed(1)} % of ${count} answers came from the new model`;
    assert.ok(Math.abs(others - count * share) <= tolerance, `${told}, not ${percent} % ± ${tolerance.toFixed(0)}`);
    return told;
  }
  /** Ends the load. @returns how many requests there were; not one failed. */
  async nothingFailed(): Promise<string> {
    const { requests, failed } = await this.load.stop();
    assert.deepEqual(failed, {}, `of ${requests} requests`);
    return `${requests} requests, none failed`;
  }
  async end(): Promise<void> {
    await this.#load?.stop();
  }
}
