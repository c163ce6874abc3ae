// SPDX-License-Identifier: Apache-2.0
// `serval fetch URI DIR [URI DIR …]`: the storage initializer, with KServe's arguments.
import { runFetch } from "@serval/storage";
import { CommandError, type Invocation, type Io } from "../command.ts";

export async function run({ raw }: Invocation, io: Io): Promise<number> {
  const stop = new AbortController();
  const onSignal = (): void => stop.abort(new CommandError("it was asked to stop; the next start goes on from here"));
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, onSignal);
  return runFetch({ args: raw, env: io.env, out: (line) => io.out(line), signal: stop.signal });
}
