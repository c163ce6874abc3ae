// SPDX-License-Identifier: Apache-2.0
// Programs of this machine that an image build calls, with an error that says which one failed and what it wrote.
import { spawn } from "node:child_process";

export interface CommandOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** What to do when the program is not there, or refuses. */
  readonly fix: string;
}

/** @returns what the program wrote to its standard output. @throws Error with the program's last words and the fix. */
export function runCommand(program: string, args: readonly string[], options: CommandOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { ...options, stdio: ["ignore", "pipe", "pipe"] });
    const output: Buffer[] = [];
    let errors = "";
    child.stdout.on("data", (chunk: Buffer) => output.push(chunk));
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      errors = `${errors}${text}`.slice(-2000);
    });
    const fail = (why: string): void =>
      reject(new Error(`Cannot build the images: ${program} ${args[0] ?? ""} ${why}\nFix: ${options.fix}`));
    child.on("error", (error) => fail(`did not start (${error.message})`));
    child.on("close", (code, signal) => {
      if (code === 0) resolve(Buffer.concat(output).toString("utf8"));
      else fail(`ended with ${signal ?? `code ${code}`}: ${errors.trim() || "no message"}`);
    });
  });
}
