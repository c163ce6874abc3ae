// SPDX-License-Identifier: Apache-2.0
// Clients that say what they saw, one line per thing: `added NAME`, `deleted NAME`, `copied NAME`.
import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { inferenceServices, resources } from "@serval/api";
import { type Cluster, createInformer } from "@serval/kube";
import { deadlineMs } from "./unrest.ts";

export interface Witness {
  /** Waits until it has said all of these. @throws with what is missing. */
  says(wanted: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

/** What was said so far. */
class Said {
  readonly #lines = new Set<string>();
  #changed = Promise.withResolvers<void>();

  add(lines: readonly string[]): void {
    for (const line of lines) this.#lines.add(line);
    this.wake();
  }
  wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
  /** @param whyOver says why nothing more will come, undefined while it may. */
  async until(wanted: readonly string[], whyOver: () => string | undefined): Promise<void> {
    const late = AbortSignal.timeout(deadlineMs);
    late.addEventListener("abort", () => this.wake());
    const missing = (): string[] => wanted.filter((line) => !this.#lines.has(line));
    while (missing().length > 0) {
      const over = late.aborted ? `not within ${deadlineMs / 1000} s` : whyOver();
      if (over !== undefined) throw new Error(`${over}: ${missing().join(", ")}`);
      await this.#changed.promise;
    }
  }
}

/** A program that prints its lines. */
export function startWitness(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Witness {
  const child: ChildProcess = spawn(command, args, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...env },
  });
  const said = new Said();
  let [rest, errors] = ["", ""];
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    const parts = (rest + text).split("\n");
    rest = parts.pop() ?? "";
    said.add(parts.map((line) => line.trim()));
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    errors = (errors + text).slice(-4_000);
  });
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve(said.wake())));
  const whyOver = (): string | undefined =>
    child.exitCode === null && child.signalCode === null ? undefined : `it ended (${child.exitCode}), without`;
  return {
    says: (wanted) =>
      said.until(wanted, whyOver).catch((error: Error) => {
        throw new Error(`${command} did not say, ${error.message}\n${errors}`);
      }),
    async close() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

interface InformerWitness extends Witness {
  /** ConfigMaps that were seen, and then were gone or another object of that name. Nobody deletes them here. */
  readonly lost: ReadonlySet<string>;
}

/**
 * Serval's own informers, which ask again at once. What they lack, the server has not told; what only the others lack,
 * they have not asked for yet.
 */
function informerWitness(cluster: Cluster, namespace: string): InformerWitness {
  const said = new Said();
  const lost = new Set<string>();
  const ending = new AbortController();
  const options = { namespace, signal: ending.signal, maxDelayMs: 200 };
  createInformer(cluster, inferenceServices, options).onChange(({ type, object }) => {
    said.add([`${type === "deleted" ? "deleted" : "added"} ${object.metadata.name}`]);
  });
  createInformer(cluster, resources.configMaps, options).onChange(({ type, object, old = object }) => {
    said.add([`copied ${object.metadata.name}`]);
    if (type === "deleted" || old.metadata.uid !== object.metadata.uid) lost.add(object.metadata.name as string);
  });
  return {
    lost,
    says: (wanted) =>
      said
        .until(wanted, () => undefined)
        .catch((error: Error) => {
          throw new Error(`Serval's informer did not say, ${error.message}`);
        }),
    async close() {
      ending.abort();
    },
  };
}

export interface Witnesses {
  /** Until the programs watch. */
  readonly led: () => Promise<void>;
  /** Until all of them know it, and those that follow ConfigMaps have seen the copy of every service. */
  readonly known: (lines: readonly string[]) => Promise<void>;
  /** Copies that a later `kill -9` took back, even when the controller has made them again since. */
  readonly lost: () => readonly string[];
  readonly close: () => Promise<void>;
}

export interface WitnessOptions {
  readonly python: string;
  /** The program of controller/. */
  readonly program: string;
  readonly kubeconfig: string;
  readonly cluster: Cluster;
  readonly namespace: string;
}

const copiesOf = (lines: readonly string[]): string[] =>
  lines.filter((line) => line.startsWith("added ")).map((line) => line.replace("added", "copied"));

/** Python's watch, a controller on controller-runtime and Serval's own informers. */
export function startWitnesses({ python, program, kubeconfig, cluster, namespace }: WitnessOptions): Witnesses {
  const follower = fileURLToPath(new URL("follow.py", import.meta.url));
  const watch = startWitness(python, [follower, JSON.stringify({ kubeconfig, namespace })]);
  const controller = startWitness(program, [], { KUBECONFIG: kubeconfig });
  const informer = informerWitness(cluster, namespace);
  return {
    async led() {
      await Promise.all([watch.says(["led"]), controller.says(["led"])]);
    },
    async known(lines) {
      // A service that is deleted before its copy was seen is never said to be copied: copies are waited for as well.
      const all = [...lines, ...copiesOf(lines)];
      await Promise.all([watch.says(lines), controller.says(all), informer.says(all)]);
    },
    lost: () => [...informer.lost],
    async close() {
      await Promise.all([watch.close(), controller.close(), informer.close()]);
    },
  };
}
