// SPDX-License-Identifier: Apache-2.0
// `serval serve`: the model server, with KServe's flags.
import { runServe } from "@serval/model-server/main.ts";
import type { Invocation, Io } from "../command.ts";

export const run = (invocation: Invocation, io: Io): Promise<number> => runServe(invocation.raw, io.env);
