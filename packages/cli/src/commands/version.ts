// SPDX-License-Identifier: Apache-2.0
import type { Invocation, Io } from "../command.ts";
import { version } from "../version.ts";

export async function run(_invocation: Invocation, io: Io): Promise<number> {
  io.out(version);
  return 0;
}
