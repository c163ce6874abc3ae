// SPDX-License-Identifier: Apache-2.0
// Requests without a pause while something else happens: on connections that are kept and on new ones, every answer
// counted.
import { Agent, request } from "node:http";

export interface Target {
  readonly name: string;
  readonly url: string;
  readonly host?: string;
  readonly body: unknown;
  /** Part of every right answer. */
  readonly answers: RegExp;
}

export interface LoadResult {
  readonly requests: number;
  /** What was wrong, with the time since the beginning. */
  readonly failures: readonly string[];
  readonly byTarget: Readonly<Record<string, number>>;
  readonly slowestMs: number;
}

export interface Load {
  readonly result: () => LoadResult;
  /** Ends after the requests in flight. */
  stop(): Promise<LoadResult>;
}

const answerDeadlineMs = 30_000;
/** Between two requests of one worker: the machine has others to serve. */
const defaultPaceMs = 10;

function once({ url, host, body }: Target, agent: Agent | false): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json", ...(host === undefined ? {} : { host }) };
    const sent = request(url, { method: "POST", headers, agent }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("error", reject);
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
    });
    sent.setTimeout(answerDeadlineMs, () => sent.destroy(new Error("no answer in time")));
    sent.on("error", reject);
    sent.end(JSON.stringify(body));
  });
}

/** Two workers for each target: one keeps its connection, one opens a new one for every request. */
export function startLoad(targets: readonly Target[], paceMs = defaultPaceMs): Load {
  const startedAt = performance.now();
  const failures: string[] = [];
  const byTarget: Record<string, number> = {};
  let requests = 0;
  let slowestMs = 0;
  let running = true;
  const worker = async (target: Target, agent: Agent | false): Promise<void> => {
    while (running) {
      const at = performance.now();
      const wrong = await once(target, agent).then(
        ({ status, text }) =>
          status === 200 && target.answers.test(text) ? undefined : `${status} ${text.slice(0, 200)}`,
        (error: NodeJS.ErrnoException) => error.code ?? error.message,
      );
      requests += 1;
      byTarget[target.name] = (byTarget[target.name] ?? 0) + 1;
      slowestMs = Math.max(slowestMs, performance.now() - at);
      if (wrong !== undefined)
        failures.push(
          `${((at - startedAt) / 1000).toFixed(2)} s ${target.name} ${agent === false ? "new" : "kept"}: ${wrong}`,
        );
      await new Promise((resolve) => setTimeout(resolve, paceMs));
    }
  };
  const kept = new Agent({ keepAlive: true, maxSockets: targets.length });
  const workers = targets.flatMap((target) => [worker(target, kept), worker(target, false)]);
  const result = (): LoadResult => ({ requests, failures: [...failures], byTarget: { ...byTarget }, slowestMs });
  return {
    result,
    async stop() {
      running = false;
      await Promise.all(workers);
      kept.destroy();
      return result();
    },
  };
}
