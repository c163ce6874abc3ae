// SPDX-License-Identifier: Apache-2.0
// Steady load by autocannon, a load generator that is not ours: closed loop, so that every connection has exactly one
// request under way. Answers are counted by their text, so that a test can tell which model gave them.
import { createRequire } from "node:module";
import { within } from "./home.ts";

interface Client {
  on(event: "request", listen: () => void): void;
  on(event: "response", listen: (status: number) => void): void;
}
interface Result {
  readonly errors: number;
  readonly timeouts: number;
  readonly non2xx: number;
}
interface Instance {
  stop(): void;
  on(event: "done", listen: (result: Result) => void): void;
}
interface Options {
  readonly url: string;
  readonly connections: number;
  readonly duration: number;
  readonly overallRate?: number;
  readonly timeout: number;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly setupClient: (client: Client) => void;
  readonly verifyBody: (body: string) => boolean;
}
const autocannon = createRequire(import.meta.url)("autocannon") as (options: Options, done: () => void) => Instance;

const connections = 8;

export interface Totals {
  readonly requests: number;
  /** Everything that was not a 200: broken connections, time-outs, other statuses, requests without an answer. */
  readonly failed: Readonly<Record<string, number>>;
}

export class Load {
  #instance: Instance;
  #ended: Promise<Result>;
  #counts = new Map<string, number>();
  #requests = 0;
  #statuses = new Map<number, number>();
  #waiting: { left: number; done: () => void } | undefined;
  /** Per connection: sent minus answered. */
  readonly #open: { count: number }[] = [];

  /** @param target a URL; with a rate: so many requests a second at most, where what serves shares its processors. */
  constructor(target: string | { readonly url: string; readonly rate: number }, host: string, body: unknown) {
    const { url, rate } = typeof target === "string" ? { url: target, rate: undefined } : target;
    const options: Options = {
      url,
      ...(rate === undefined ? {} : { overallRate: rate }),
      connections,
      // Until stop().
      duration: 3600,
      timeout: 30,
      method: "POST",
      headers: { host, "content-type": "application/json" },
      body: JSON.stringify(body),
      setupClient: (client) => {
        const open = { count: 0 };
        this.#open.push(open);
        client.on("request", () => open.count++);
        client.on("response", (status) => {
          open.count--;
          this.#statuses.set(status, (this.#statuses.get(status) ?? 0) + 1);
        });
      },
      verifyBody: (text) => {
        this.#count(text);
        return true;
      },
    };
    this.#instance = autocannon(options, () => {});
    this.#ended = new Promise((resolve) => this.#instance.on("done", resolve));
  }

  #count(text: string): void {
    this.#requests++;
    this.#counts.set(text, (this.#counts.get(text) ?? 0) + 1);
    if (this.#waiting !== undefined && --this.#waiting.left === 0) this.#waiting.done();
  }

  get requests(): number {
    return this.#requests;
  }

  /** The texts of the next `count` answers, with how often each came. What is under way now is not counted. */
  async next(count: number): Promise<ReadonlyMap<string, number>> {
    await this.#answers(2 * connections);
    this.#counts = new Map();
    await this.#answers(count);
    return new Map(this.#counts);
  }
  async #answers(count: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting = { left: count, done: resolve };
    await within(`${count} answers under load; so far ${JSON.stringify([...this.#statuses])}`, promise);
    this.#waiting = undefined;
  }

  async stop(): Promise<Totals> {
    this.#instance.stop();
    const { errors, timeouts, non2xx } = await within("end of the load", this.#ended);
    // autocannon connects again in silence when a server hangs up; the request of then is only missed here.
    const unanswered = this.#open.reduce((sum, { count }) => sum + Math.max(0, count - 1), 0);
    const failed = Object.entries({ errors, timeouts, non2xx, unanswered }).filter(([, count]) => count > 0);
    return { requests: this.#requests, failed: Object.fromEntries(failed) };
  }
}
