// SPDX-License-Identifier: Apache-2.0
// A hand-over as a list of steps, each of which may be run again.
import { ServalError } from "@serval/api";
import type { Cluster } from "@serval/kube";

export interface StepContext {
  readonly cluster: Cluster;
  readonly say: (line: string) => void;
  /** For each thing that is waited for. */
  readonly deadlineMs: number;
}

export interface Step {
  readonly title: string;
  /** @returns what came of it, in a few words. */
  readonly run: () => Promise<string>;
}

export async function runSteps({ say }: StepContext, steps: readonly Step[]): Promise<void> {
  for (const { title, run } of steps) {
    const startedAt = performance.now();
    const result = await run();
    say(`${title}: ${result} (${((performance.now() - startedAt) / 1_000).toFixed(1)} s)`);
  }
}

const pollMs = 300;

/** @param missing what is still waited for; undefined: nothing. @throws ServalError after the deadline. */
export async function waitUntil(
  { deadlineMs }: Pick<StepContext, "deadlineMs">,
  what: string,
  missing: () => Promise<string | undefined>,
): Promise<void> {
  let last: string | undefined;
  for (const end = performance.now() + deadlineMs; performance.now() < end; ) {
    last = await missing();
    if (last === undefined) return;
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  throw new ServalError("MigrationTimeout", `${what}: not within ${Math.round(deadlineMs / 1_000)} s: ${last}`);
}
