// SPDX-License-Identifier: Apache-2.0
// The `serval` command: finds the command, answers help, runs it. Commands are loaded when they run.
import { type Command, CommandError, type Io, nearest, parseInvocation, UsageError } from "./command.ts";
import { commandTable } from "./commands/index.ts";
import { commandHelp, overview } from "./help.ts";
import { version } from "./version.ts";

const isHelp = (arg: string): boolean => arg === "--help" || arg === "-h";

/** Whoever reads our output went away (`| head`): nothing is left to say. 141: what a shell shows for SIGPIPE. */
function endWithReader(error: NodeJS.ErrnoException): void {
  if (error.code !== "EPIPE") throw error;
  process.exit(141);
}

function processIo(): Io {
  process.stdout.on("error", endWithReader);
  return {
    out: (line) => process.stdout.write(`${line}\n`),
    write: (text) => process.stdout.write(text),
    err: (line) => process.stderr.write(`${line}\n`),
    isTerminal: process.stdout.isTTY === true,
    env: process.env,
    cwd: process.cwd(),
  };
}

function unknownCommand(name: string, io: Io): number {
  const close = nearest(
    name,
    commandTable.filter(({ hidden }) => hidden !== true).map((c) => c.name),
  );
  io.err(`serval: unknown command "${name}"${close === undefined ? "" : `; did you mean "serval ${close}"?`}`);
  io.err("Run serval --help for the list of commands.");
  return 2;
}

async function runCommand(command: Command, args: readonly string[], io: Io): Promise<number> {
  try {
    return await command.run(parseInvocation(command, args), io);
  } catch (error) {
    if (error instanceof UsageError) {
      io.err(`serval ${command.name}: ${error.message}`);
      io.err(`Run serval ${command.name} --help for what it takes.`);
      return 2;
    }
    const isExpected =
      error instanceof CommandError || ["ApiError", "HomeError", "ServalError"].includes((error as Error)?.name);
    const text = isExpected || io.env["SERVAL_DEBUG"] === undefined ? (error as Error).message : (error as Error).stack;
    io.err(`serval ${command.name}: ${text}`);
    return 1;
  }
}

/** @returns the exit code: 0 done, 1 failed, 2 wrong usage, others as the command documents. */
export async function main(args: readonly string[], io: Io = processIo()): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || isHelp(name) || name === "help") {
    const topic = commandTable.find((c) => c.name === rest[0]);
    io.write(name === "help" && topic !== undefined ? commandHelp(topic) : overview(commandTable, version));
    return name === undefined ? 2 : 0;
  }
  if (name === "--version" || name === "-v") {
    io.out(version);
    return 0;
  }
  const command = commandTable.find((candidate) => candidate.name === name);
  if (command === undefined) return unknownCommand(name, io);
  const hasHelp = command.passThrough !== true || Object.keys(command.flags).length > 0;
  if (rest.some(isHelp) && hasHelp) {
    io.write(commandHelp(command));
    return 0;
  }
  return runCommand(command, rest, io);
}
