// SPDX-License-Identifier: Apache-2.0
// Tries again what may work later, waiting longer each time; what cannot work fails at once.
import { FetchError, isTransient } from "../errors.ts";

export interface RetryDeps {
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

export interface RetryPolicy extends RetryDeps {
  /** Failures in a row without any progress before giving up. */
  readonly attempts: number;
  readonly firstMs: number;
  readonly maxMs: number;
}

export const defaultRetry = (deps: RetryDeps): RetryPolicy => ({ ...deps, attempts: 6, firstMs: 500, maxMs: 10_000 });

/** Full jitter over a doubling bound; the server's own wish counts up to 30 s. */
export function backoffMs(policy: RetryPolicy, failures: number, error: unknown): number {
  const bound = Math.min(policy.maxMs, policy.firstMs * 2 ** (failures - 1));
  const wished = error instanceof FetchError ? Math.min(error.retryAfterMs ?? 0, 30_000) : 0;
  return Math.max(wished, bound / 2 + (bound / 2) * policy.random());
}

/** @param work may call `progressed` to say that this attempt has achieved something: failures count from 0 again. */
export async function withRetries<T>(
  work: (progressed: () => void) => Promise<T>,
  { policy, signal, log }: { policy: RetryPolicy; signal: AbortSignal; log: (line: string) => void },
): Promise<T> {
  let failures = 0;
  for (;;) {
    try {
      return await work(() => {
        failures = 0;
      });
    } catch (error) {
      failures++;
      if (signal.aborted || !isTransient(error) || failures >= policy.attempts) throw error;
      const waitMs = backoffMs(policy, failures, error);
      const why = error instanceof Error ? error.message : String(error);
      log(`${why}; trying again in ${(waitMs / 1000).toFixed(1)} s (${failures} of ${policy.attempts - 1})`);
      await policy.sleep(waitMs, signal);
    }
  }
}
