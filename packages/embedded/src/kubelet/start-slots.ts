// SPDX-License-Identifier: Apache-2.0
// How many processes may be starting at the same time: a hundred pods that come at once must not all fork at once.

export type InTurn = <T>(work: () => Promise<T>) => Promise<T>;

/** First come, first served; a place is free again when its work settles. */
export function createSlots(count: number): InTurn {
  let free = count;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) free += 1;
      else next();
    }
  };
}
