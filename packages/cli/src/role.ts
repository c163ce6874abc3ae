// SPDX-License-Identifier: Apache-2.0
// Flags of the long-running roles, which other processes start.
import { parseArgs } from "node:util";
import { UsageError } from "./command.ts";

/** Every flag takes a value. @throws UsageError */
export function roleFlags(
  args: readonly string[],
  names: readonly string[],
): Readonly<Record<string, string | undefined>> {
  const options = Object.fromEntries(names.map((name) => [name, { type: "string" as const }]));
  try {
    return parseArgs({ args: [...args], options, strict: true }).values as Record<string, string | undefined>;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

/** Under a supervisor: resolves when it says that the API answers. Alone: at once. */
export const apiReady = (): Promise<void> =>
  new Promise((resolve) => {
    if (process.send === undefined) return resolve();
    process.on("message", (message) => {
      if (message === "api-ready") resolve();
    });
  });

/** The last line of a role: an open channel to the parent would keep the process. @returns exit code 0. */
export function endRole(): number {
  if (process.connected) process.disconnect?.();
  return 0;
}

/** Resolves at SIGTERM or SIGINT, or when the parent that talks to us is gone. */
export const stopSignal = (): Promise<void> =>
  new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve());
    process.once("disconnect", () => resolve());
  });
