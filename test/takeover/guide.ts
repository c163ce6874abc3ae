// SPDX-License-Identifier: Apache-2.0
// The commands of docs/guide/take-over.md, so that what is tested is what is written there.
import { readFileSync } from "node:fs";

const page = new URL("../../docs/guide/take-over.md", import.meta.url);

/** Arguments of every `serval …` in a fenced block, in the order of the page. */
export function guideCommands(): string[][] {
  const blocks = [...readFileSync(page, "utf8").matchAll(/```sh\n([\s\S]*?)```/g)].map(([, text = ""]) => text);
  const lines = blocks.flatMap((text) => text.split("\n")).filter((line) => line.startsWith("serval "));
  return lines.map((line) => line.trim().split(" ").slice(1));
}
