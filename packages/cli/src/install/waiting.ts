// SPDX-License-Identifier: Apache-2.0
// Waiting for something in a cluster, with a deadline and a reason.
import { catalogue, ServalError } from "@serval/api";
import { CommandError } from "../command.ts";

const pollMs = 500;

/**
 * Looks until `look` says undefined.
 * @param look why it is not so yet.
 * @throws CommandError with the last reason after the deadline.
 */
export async function waitFor(
  { what, deadlineMs }: { readonly what: string; readonly deadlineMs: number },
  look: () => Promise<string | undefined>,
): Promise<void> {
  const end = performance.now() + deadlineMs;
  for (;;) {
    const why = await look();
    if (why === undefined) return;
    if (performance.now() > end)
      throw new CommandError(`${what} took longer than ${Math.round(deadlineMs / 1_000)} s: ${why}`);
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

/** A refusal of ours in a terminal: code, what, way out. */
export const toldPlainly = (error: unknown): unknown =>
  error instanceof ServalError
    ? new CommandError(`${error.code} ${catalogue[error.reason].title}\n  ${error.message}\nFix: ${error.fix}`)
    : error;
