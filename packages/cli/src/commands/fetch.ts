// SPDX-License-Identifier: Apache-2.0
// `serval fetch URI DIR [URI DIR …]`: the storage initializer, with KServe's arguments.
import { fetchModel } from "@serval/storage";
import type { Invocation, Io } from "../command.ts";

export async function run({ raw }: Invocation, _io: Io): Promise<number> {
  for (let i = 0; i + 1 < raw.length; i += 2) await fetchModel({ uri: raw[i] as string, dir: raw[i + 1] as string });
  return 0;
}
