// SPDX-License-Identifier: Apache-2.0
// The commands that a guide tells its reader to type: the fenced shell lines of one of its sections.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const guides = new URL("../../docs/guide/", import.meta.url);
const root = fileURLToPath(new URL("../../", import.meta.url));

/** @throws Error when the section has none. */
export function commandsOf(guide: string, section: string): string[] {
  const sections = readFileSync(new URL(guide, guides), "utf8").split(/^## /m);
  const text = sections.find((candidate) => candidate.startsWith(`${section}\n`)) ?? "";
  const lines = [...text.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap(([, body = ""]) => body.trim().split("\n"));
  const commands = lines.map((line) => line.replace(/\s+#.*$/, "").trim()).filter((line) => line !== "");
  if (commands.length === 0) throw new Error(`${guide} has no commands in section "${section}"`);
  return commands.map((line) => line.replaceAll(/(?<= )deploy\//g, `${root}deploy/`));
}
