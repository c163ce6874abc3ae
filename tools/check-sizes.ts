// SPDX-License-Identifier: Apache-2.0
// File budgets: a file that one cannot read at once is two files. Also the licence line that every file begins with.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isTest, root, sourceFiles } from "./source-files.ts";

const maxLines = 400;
const maxTestLines = 600;
const licence = "// SPDX-License-Identifier: Apache-2.0";
const bannedNames = /(^|\/)(utils?|helpers?|common|misc|shared|base|types|constants|manager)(\.test)?(\.ts|\.mjs|\/)/;

export interface SourceText {
  readonly path: string;
  readonly text: string;
}

/** What is wrong with a file's size, first line or name. Pure. */
export function sizeProblems({ path, text }: SourceText): string[] {
  const lines = text.split("\n");
  const count = lines.at(-1) === "" ? lines.length - 1 : lines.length;
  const limit = isTest(path) ? maxTestLines : maxLines;
  const first = lines[0]?.startsWith("#!") ? lines[1] : lines[0];
  return [
    ...(count > limit ? [`${path}: ${count} lines, at most ${limit}; divide it by what it does`] : []),
    ...(first === licence ? [] : [`${path}: the first line must be "${licence}"`]),
    ...(bannedNames.test(path) ? [`${path}: the name says nothing; name the file after what it holds`] : []),
  ];
}

export const checkSizes = (): string[] =>
  sourceFiles().flatMap((path) => sizeProblems({ path, text: readFileSync(join(root, path), "utf8") }));
