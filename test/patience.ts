// SPDX-License-Identifier: Apache-2.0
// Waiting for what sends no event: another process, a port, a counter. What sends events is watched instead.

export interface Patience {
  readonly ms: number;
  readonly pollMs: number;
  /** A failed look is a look that found nothing; else its error ends the waiting. */
  readonly isForgiving: boolean;
}

/** undefined and false: not yet. */
export type Look<T> = () => Promise<T | undefined | false> | T | undefined | false;
export type Until = <T>(what: string, read: Look<T>, ms?: number) => Promise<T>;

/** Makes an `until`. It @throws Error after the deadline, with the last error of a forgiven look. */
export const patient =
  (patience: Patience): Until =>
  async (what, read, ms = patience.ms) => {
    let last: unknown;
    for (const end = performance.now() + ms; performance.now() < end; ) {
      try {
        const found = await read();
        if (found !== undefined && found !== false) return found;
        last = undefined;
      } catch (error) {
        if (!patience.isForgiving) throw error;
        last = error;
      }
      await new Promise((resolve) => setTimeout(resolve, patience.pollMs));
    }
    throw new Error(`not within ${ms / 1000} s: ${what}`, last === undefined ? {} : { cause: last });
  };
