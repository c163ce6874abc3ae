// SPDX-License-Identifier: Apache-2.0
// Work that has to succeed before anything else can: tried again until it does, with the reason at hand meanwhile.
import { delay } from "@serval/kube";
import type { Logger } from "@serval/observe";

const firstDelayMs = 250;
const maxDelayMs = 10_000;

export interface PatienceOptions {
  /** As the log names it: "install the kinds". */
  readonly what: string;
  readonly signal: AbortSignal;
  readonly log: Logger;
  /** Told why it is not done yet; undefined: it is. */
  readonly onProblem?: (problem: string | undefined) => void;
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** undefined: the signal came first. */
export async function untilDone<T>(options: PatienceOptions, attempt: () => Promise<T>): Promise<T | undefined> {
  const { what, signal, log, onProblem } = options;
  let told: string | undefined;
  for (let delayMs = firstDelayMs; !signal.aborted; delayMs = Math.min(maxDelayMs, delayMs * 2)) {
    try {
      const result = await attempt();
      onProblem?.(undefined);
      return result;
    } catch (error) {
      if (signal.aborted) break;
      const problem = `cannot ${what}: ${messageOf(error)}`;
      onProblem?.(problem);
      // The same reason once: it stays in the readiness answer.
      if (told !== problem) log.warn({ error }, `Cannot ${what}, will try again`);
      told = problem;
    }
    await delay(delayMs, signal);
  }
  return undefined;
}
