// SPDX-License-Identifier: Apache-2.0
// Reference pages from the code that they describe: docs/reference/errors.md from the catalogue, docs/reference/cli.md
// and the bin's own help texts from the command table.
import { writeFileSync } from "node:fs";
import { catalogue } from "@serval/api";
import type { Command } from "../../packages/cli/src/command.ts";
import { commandTable } from "../../packages/cli/src/commands/index.ts";
import { commandHelp, overview } from "../../packages/cli/src/help.ts";
import { version } from "../../packages/cli/src/version.ts";
import { generateApiReference } from "./api-reference.ts";
import { generateRuntimeReference } from "./runtime-reference.ts";
import { troubleshootingPage } from "./troubleshooting.ts";

const docs = new URL("../../docs/reference/", import.meta.url);
const header = (source: string): string => `<!-- Generated from ${source} by \`npm run generate\`. Do not edit. -->\n`;

const families: Readonly<Record<string, string>> = {
  SV1: "Refused at `kubectl apply`",
  SV2: "Choice of the runtime",
  SV3: "Model and storage",
  SV4: "Pods and their scaling",
  SV5: "Routes, gateways and graphs",
  SV6: "Configuration",
  SV7: "Not available yet",
  SV8: "API server and what every service depends on",
  SV9: "Answers of the gateway",
};

function errorsPage(): string {
  const entries = Object.entries(catalogue).map(([reason, entry]) => ({ reason, ...entry }));
  const sections = Object.entries(families).flatMap(([prefix, title]) => {
    const rows = entries.filter(({ code }) => code.startsWith(prefix)).sort((a, b) => (a.code < b.code ? -1 : 1));
    if (rows.length === 0) return [];
    const table = rows.map(
      ({ code, reason, title: what, fix }) =>
        `| <a id="${code.toLowerCase()}"></a>${code} | \`${reason}\` | ${what} | ${fix} |`,
    );
    return [
      `## ${title}\n\n| code | reason | what it means | what to do |\n| --- | --- | --- | --- |\n${table.join("\n")}\n`,
    ];
  });
  return `${header("packages/api/src/errors/catalogue.ts")}
# Errors

One entry per failure that a user can act on. The same code stands in admission messages, in conditions and events, in \`status.serval\`, on the command line and in the gateway's answers; the message beside it says what, where and why.

${sections.join("\n")}`;
}

/** Commands that parse their own flags may still say which. */
const hasHelp = ({ passThrough, flags }: Command): boolean => passThrough !== true || Object.keys(flags).length > 0;

function cliPage(): string {
  const commands = commandTable.filter((command) => command.hidden !== true && hasHelp(command));
  const sections = commands.map(
    (command) => `## serval ${command.name}\n\n\`\`\`\n${commandHelp(command).trimEnd()}\n\`\`\`\n`,
  );
  return `${header("packages/cli/src/commands/index.ts")}
# The serval command

Exit codes: 0 done, 1 refused or failed, 2 wrong usage; \`serval status\` also has 3: none runs. \`SERVAL_DATA_DIR\` names the home like \`--data-dir\`; \`SERVAL_CACHE_DIR\` names the cache folder (default \`~/.cache/serval\`).

${sections.join("\n")}`;
}

/** Help is printed by the bin itself, without starting a newer Node and without loading TypeScript. */
function helpTexts(): string {
  const commands = Object.fromEntries(
    commandTable.filter(hasHelp).map((command) => [command.name, commandHelp(command)]),
  );
  return `${JSON.stringify({ overview: overview(commandTable, version), commands }, undefined, 1)}\n`;
}

export function generateReference(): void {
  writeFileSync(new URL("../../packages/cli/bin/help.gen.json", import.meta.url), helpTexts());
  writeFileSync(new URL("errors.md", docs), errorsPage());
  writeFileSync(new URL("cli.md", docs), cliPage());
  const guide = new URL("../guide/troubleshoot.md", docs);
  writeFileSync(guide, troubleshootingPage(header("packages/operator/src/causes/symptoms.ts and the error catalogue")));
  generateApiReference();
  generateRuntimeReference();
}

if (import.meta.main) generateReference();
