// SPDX-License-Identifier: Apache-2.0
// Waiting for what sends no event: another process, a port, a counter. What sends events is watched instead.

const pollMs = 100;
export const patienceMs = 120_000;

/** @returns the first answer that is neither undefined nor false. @throws Error after the deadline, with the last error. */
export async function until<T>(
  what: string,
  read: () => Promise<T | undefined | false> | T | undefined | false,
  ms = patienceMs,
): Promise<T> {
  let last: unknown;
  for (const end = performance.now() + ms; performance.now() < end; ) {
    try {
      const found = await read();
      if (found !== undefined && found !== false) return found;
      last = undefined;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  throw new Error(`not within ${ms / 1000} s: ${what}`, last === undefined ? {} : { cause: last });
}
