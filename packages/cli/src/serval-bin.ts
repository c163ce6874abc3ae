// SPDX-License-Identifier: Apache-2.0
// Where this installation's `serval` bin is, for processes that start another role of it.
import { fileURLToPath } from "node:url";

export const servalBin: string = fileURLToPath(new URL("../bin/serval.mjs", import.meta.url));
/** The clone's root: examples live below it. */
export const installationRoot: string = fileURLToPath(new URL("../../..", import.meta.url));
