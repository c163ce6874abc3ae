// SPDX-License-Identifier: Apache-2.0
// Hard times for clients: while services come and go, the API server is killed and its history forgotten, again and again.
// What a client said is compared with what happened.
import { type ChildProcess, spawn } from "node:child_process";
import { type InferenceService, inferenceServices } from "@serval/api";
import { type Cluster, isNotFound } from "@serval/kube";

export interface Unrest {
  readonly cluster: Cluster;
  readonly namespace: string;
  /** `kill -9` of the API server; resolves when it answers again. */
  restart(): Promise<void>;
  /** Old versions are forgotten; where this cannot be asked for, a restart does it. */
  compact?(): Promise<void>;
  /** Until the clients know this. What came and went while one waited to connect again, it need not have seen. */
  known(lines: readonly string[]): Promise<void>;
}

const deadlineMs = 90_000;
const rounds = 3;
const perRound = 8;

/** A client that prints what it saw. */
export interface Witness {
  readonly lines: readonly string[];
  /** Waits until it has said all of these. @throws with what is missing. */
  says(wanted: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

export function startWitness(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Witness {
  const child: ChildProcess = spawn(command, args, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...env },
  });
  const lines: string[] = [];
  let [rest, errors] = ["", ""];
  let changed = Promise.withResolvers<void>();
  const wake = (): void => {
    changed.resolve();
    changed = Promise.withResolvers();
  };
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    const parts = (rest + text).split("\n");
    rest = parts.pop() ?? "";
    lines.push(...parts.map((line) => line.trim()));
    wake();
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    errors = (errors + text).slice(-4_000);
  });
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve(wake())));
  return {
    lines,
    async says(wanted) {
      const late = AbortSignal.timeout(deadlineMs);
      late.addEventListener("abort", wake);
      const missing = (): string[] => wanted.filter((line) => !lines.includes(line));
      while (missing().length > 0) {
        if (late.aborted || child.exitCode !== null)
          throw new Error(`${child.exitCode === null ? "in time" : "it ended"}, without ${missing()}\n${errors}`);
        await changed.promise;
      }
    },
    async close() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

const serviceOf = (namespace: string, name: string): InferenceService => ({
  apiVersion: "serving.kserve.io/v1beta1",
  kind: "InferenceService",
  metadata: { name, namespace, annotations: { "serving.kserve.io/stop": "true" } },
  spec: { predictor: { model: { modelFormat: { name: "sklearn" }, storageUri: `s3://models/${name}` } } },
});

/** A write that is tried again while the server is away. */
async function stubborn(write: () => Promise<unknown>, isDone: (error: unknown) => boolean): Promise<void> {
  for (const end = performance.now() + deadlineMs; ; ) {
    try {
      await write();
      return;
    } catch (error) {
      if (isDone(error)) return;
      if (performance.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

/** @returns what must have been seen: `added NAME` of all, `deleted NAME` of every second one. */
export async function playUnrest({ cluster, namespace, restart, compact, known }: Unrest): Promise<string[]> {
  const happened: string[] = [];
  for (let round = 0; round < rounds; round++) {
    const names = Array.from({ length: perRound }, (_, index) => `unrest-${round}-${index}`);
    // Half of them while the server is away or just back.
    const away = restart();
    for (const name of names) {
      await stubborn(
        () => cluster.create(inferenceServices, serviceOf(namespace, name)),
        (error) => (error as { reason?: string }).reason === "AlreadyExists",
      );
      happened.push(`added ${name}`);
    }
    await away;
    await compact?.();
    await known(happened);
    if (round === 0) continue;
    for (let index = 0; index < perRound; index += 2) {
      const name = `unrest-${round - 1}-${index}`;
      await stubborn(() => cluster.delete(inferenceServices, { namespace, name }), isNotFound);
      happened.push(`deleted ${name}`);
    }
    await restart();
  }
  return happened;
}
