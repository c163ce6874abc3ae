// SPDX-License-Identifier: Apache-2.0
// Where what is built or fetched once is kept.
import { homedir } from "node:os";
import { join } from "node:path";

export const cacheFolder = (env: NodeJS.ProcessEnv = process.env): string =>
  env["SERVAL_CACHE_DIR"] ?? join(homedir(), ".cache", "serval");
