// SPDX-License-Identifier: Apache-2.0
// How long the take-over waits for other processes and the state of a cluster; an error ends it at once.
import { patient } from "../patience.ts";

export const until = patient({ ms: 120_000, pollMs: 100, isForgiving: false });
