// SPDX-License-Identifier: Apache-2.0
// Bounded concurrency: a number of slots shared by whoever asks, and a loop over a list with a number of hands.

export interface Slots {
  use<T>(work: () => Promise<T>): Promise<T>;
}

export function createSlots(count: number): Slots {
  let free = count;
  const waiting: (() => void)[] = [];
  return {
    async use(work) {
      if (free > 0) free--;
      else await new Promise<void>((resolve) => waiting.push(resolve));
      try {
        return await work();
      } finally {
        const next = waiting.shift();
        if (next === undefined) free++;
        else next();
      }
    },
  };
}

/** The first failure aborts the signal that every `work` gets, waits for all of them, and is thrown. */
export async function forEachParallel<T>(
  items: Iterable<T>,
  { hands, signal }: { hands: number; signal: AbortSignal },
  work: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const stop = new AbortController();
  const both = AbortSignal.any([signal, stop.signal]);
  const iterator = items[Symbol.iterator]();
  let failure: { error: unknown } | undefined;
  const hand = async (): Promise<void> => {
    for (let next = iterator.next(); next.done !== true && !both.aborted; next = iterator.next()) {
      try {
        await work(next.value, both);
      } catch (error) {
        failure ??= { error };
        stop.abort();
      }
    }
  };
  await Promise.all(Array.from({ length: hands }, hand));
  if (failure !== undefined) throw failure.error;
  signal.throwIfAborted();
}
