// SPDX-License-Identifier: Apache-2.0

const pollMs = 200;

/** Until `read` answers; what is waited for is another program's work. @throws Error after the deadline. */
export async function waitFor<T>(what: string, deadlineMs: number, read: () => Promise<T | undefined>): Promise<T> {
  for (const end = performance.now() + deadlineMs; performance.now() < end; ) {
    const found = await read();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  throw new Error(`${what}: not within ${Math.round(deadlineMs / 1_000)} s`);
}
