// SPDX-License-Identifier: Apache-2.0
// Many calls, one run: work that follows bursts of changes.

const retryMs = 1_000;

/** Runs `work` once per burst of calls, never twice at the same time, and again after a failure. */
export function coalesce(work: () => Promise<void> | void, onError: (error: unknown) => void): () => void {
  let [running, wanted] = [false, false];
  const run = async (): Promise<void> => {
    running = true;
    while (wanted) {
      // The rest of the burst comes in first.
      await new Promise((resolve) => setImmediate(resolve));
      wanted = false;
      try {
        await work();
      } catch (error) {
        onError(error);
        setTimeout(trigger, retryMs).unref();
      }
    }
    running = false;
  };
  const trigger = (): void => {
    wanted = true;
    if (!running) void run();
  };
  return trigger;
}
