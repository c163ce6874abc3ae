// SPDX-License-Identifier: Apache-2.0
// Help as text. Loads nothing but the command table, so that it is there at once.
import type { Command, Flag } from "./command.ts";

const flagLine = (name: string, { short, value, help }: Flag): [string, string] => [
  `${short === undefined ? "    " : `-${short}, `}--${name}${value === undefined ? "" : ` ${value}`}`,
  help,
];

function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`).join("\n");
}

export function overview(commands: readonly Command[], version: string): string {
  const rows = commands.filter(({ hidden }) => hidden !== true).map(({ name, summary }) => [name, summary] as const);
  return `serval ${version}: serve any machine-learning model the Kubernetes way

Usage: serval COMMAND [ARGUMENTS] [FLAGS]

Commands:
${columns(rows)}

Start here:
  serval up --example quickstart       three models on this machine, an LLM among them
  serval COMMAND --help                what a command takes
`;
}

export function commandHelp(command: Command): string {
  const flags = Object.entries(command.flags).map(([name, flag]) => flagLine(name, flag));
  const sections = [
    `${command.summary}\n\nUsage: serval ${command.name}${command.usage === "" ? "" : ` ${command.usage}`}`,
    ...(flags.length === 0 ? [] : [`Flags:\n${columns(flags)}`]),
    ...(command.details === undefined ? [] : [command.details.trimEnd()]),
  ];
  return `${sections.join("\n\n")}\n`;
}
