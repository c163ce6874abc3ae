// SPDX-License-Identifier: Apache-2.0

/** Polls what cannot be waited for: other processes and the state of a cluster. @throws Error after the deadline. */
export async function until<T>(
  what: string,
  read: () => Promise<T | undefined> | T | undefined,
  deadlineMs = 120_000,
): Promise<T> {
  for (const end = performance.now() + deadlineMs; performance.now() < end; ) {
    const found = await read();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`${what}: not within ${deadlineMs / 1_000} s`);
}
