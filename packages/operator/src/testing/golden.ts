// SPDX-License-Identifier: Apache-2.0
// KServe's own runtimes, as they were when the cases of test/golden were recorded. Found beside the repository or by
// SERVAL_GOLDEN.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { AnyObject } from "@serval/api";
import { parseAllDocuments } from "yaml";

const goldenFolder = process.env["SERVAL_GOLDEN"] ?? new URL("../../../../../shared/golden", import.meta.url).pathname;
/** For node:test's `skip`: false when the cases are there. */
export const noGolden: string | false = existsSync(goldenFolder)
  ? false
  : `the golden cases are not at ${goldenFolder} (set SERVAL_GOLDEN)`;

export const goldenRuntimes = (): AnyObject[] =>
  parseAllDocuments(readFileSync(join(goldenFolder, "context/clusterservingruntimes.yaml"), "utf8"))
    .map((document) => document.toJS() as AnyObject | null)
    .filter((object): object is AnyObject => object !== null);
