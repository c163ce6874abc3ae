// SPDX-License-Identifier: Apache-2.0
// One writer after the other per object: read, change and write of patches do not meet, so none is computed in vain.

export interface Turns {
  /** Runs `work` when all earlier work of that key is done, whatever became of it. */
  take<T>(key: string, work: () => Promise<T>): Promise<T>;
}

export function createTurns(): Turns {
  const last = new Map<string, Promise<unknown>>();
  return {
    async take(key, work) {
      const before = last.get(key);
      const mine = before === undefined ? work() : before.then(work, work);
      last.set(key, mine);
      try {
        return await mine;
      } finally {
        if (last.get(key) === mine) last.delete(key);
      }
    },
  };
}
