// SPDX-License-Identifier: Apache-2.0
// How long stories wait for a cluster.
import { patient } from "../../patience.ts";

export const patienceMs = 120_000;
export const until = patient({ ms: patienceMs, pollMs: 100, isForgiving: true });
