// SPDX-License-Identifier: Apache-2.0
// `serval uninstall`: takes Serval from the current cluster and leaves what it serves; with --purge, that too.
import { createInterface } from "node:readline/promises";
import { CommandError, type Invocation, type Io, UsageError } from "../command.ts";
import { defaultInstallOptions } from "../install/options.ts";
import { purgeKinds, purgeServices, purgeSummary, refuseBesideKserve } from "../install/purge.ts";
import { removeInstall } from "../install/remove-install.ts";
import { openTarget } from "../install/target.ts";
import { toldPlainly } from "../install/waiting.ts";

/** @throws CommandError when nobody agrees; UsageError when nobody can be asked. */
async function agreed(summary: string, io: Io): Promise<void> {
  if (!io.isTerminal || !process.stdin.isTTY)
    throw new UsageError(`--purge deletes ${summary}; say --yes where nobody can be asked`);
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await lines.question(`This deletes ${summary}. Type "purge" to go on: `);
    if (answer.trim() !== "purge") throw new CommandError("Nothing was deleted");
  } finally {
    lines.close();
  }
}

export async function run(invocation: Invocation, io: Io): Promise<number> {
  const { flags, positionals } = invocation;
  if (positionals.length > 0) throw new UsageError(`serval uninstall ${positionals[0]}? It takes flags only`);
  const isPurge = flags["purge"] === true;
  if (flags["yes"] === true && !isPurge) throw new UsageError("--yes goes with --purge");
  const target = await openTarget(invocation, io);
  try {
    if (isPurge) {
      await refuseBesideKserve(target.cluster);
      const summary = await purgeSummary(target.cluster);
      if (flags["yes"] !== true) await agreed(summary, io);
      io.err(`Deleting ${summary}`);
      await purgeServices(target);
    }
    io.err(`Removing Serval from ${target.server}`);
    await removeInstall(target, defaultInstallOptions);
    if (isPurge) await purgeKinds(target);
    io.err(
      isPurge ? "Serval is gone, with everything it served" : "Serval is gone; services and models are still there",
    );
    return 0;
  } catch (error) {
    throw toldPlainly(error);
  } finally {
    await target.cluster[Symbol.asyncDispose]();
  }
}
