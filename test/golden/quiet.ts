// SPDX-License-Identifier: Apache-2.0
// When a cluster has nothing more to say: no object changed for a while and nobody waits to write.

export interface QuietOptions {
  /** Calls the listener at every change. Returns the unsubscribe function. */
  readonly subscribe: (listener: () => void) => () => void;
  /** False: somebody will write by itself. */
  readonly isIdle: () => boolean;
  readonly quietMs: number;
  readonly deadlineMs: number;
}

/**
 * Resolves when nothing changed for `quietMs`, at the deadline in any case (a loop that never ends is seen in what is
 * compared then). The time is cut into parts so that work that is due comes first on a busy machine.
 */
export function quiet({ subscribe, isIdle, quietMs, deadlineMs }: QuietOptions): Promise<void> {
  const parts = 3;
  const endAt = performance.now() + deadlineMs;
  return new Promise((resolve) => {
    let still = 0;
    const unsubscribe = subscribe(() => {
      still = 0;
    });
    const timer = setInterval(() => {
      still = isIdle() ? still + 1 : 0;
      if (still < parts && performance.now() < endAt) return;
      clearInterval(timer);
      unsubscribe();
      resolve();
    }, quietMs / parts);
  });
}
