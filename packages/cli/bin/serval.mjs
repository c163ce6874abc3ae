#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// The `serval` command. Plain JavaScript: on a Node older than 24 it goes on under the pinned one; help needs
// neither that nor TypeScript.
import { existsSync, readFileSync } from "node:fs";
import nodeModule from "node:module";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const bin = fileURLToPath(import.meta.url);
const bundled = join(dirname(dirname(bin)), "dist", "main.js");
/** Published, Serval is bundled JavaScript; in a clone it is its own sources. */
const entry = existsSync(bundled) ? bundled : join(dirname(dirname(bin)), "src", "main.ts");

/** Compiled code is kept between processes: a home starts six of them, each in a third of the time. */
function keepCompiledCode() {
  const { SERVAL_CACHE_DIR, XDG_CACHE_HOME, NODE_COMPILE_CACHE } = process.env;
  const cacheDir = SERVAL_CACHE_DIR ?? join(XDG_CACHE_HOME ?? join(homedir(), ".cache"), "serval");
  nodeModule.enableCompileCache(NODE_COMPILE_CACHE ?? join(cacheDir, "compiled"));
  // A role runs for days and may be killed: what its start compiled is written soon, not at its end.
  setTimeout(() => nodeModule.flushCompileCache(), 5_000).unref();
}

/** The text that is asked for, when nothing but help is; undefined otherwise. */
function helpText([name, ...rest]) {
  const isHelp = (arg) => arg === "--help" || arg === "-h";
  const asksCommand = name !== undefined && (name === "help" || rest.some(isHelp));
  if (name !== undefined && !isHelp(name) && !asksCommand) return undefined;
  const { overview, commands } = JSON.parse(readFileSync(new URL("help.gen.json", import.meta.url), "utf8"));
  if (!asksCommand) return overview;
  const topic = name === "help" ? rest[0] : name;
  return topic === undefined ? overview : Object.hasOwn(commands, topic) ? commands[topic] : undefined;
}

async function continueUnderPinnedNode() {
  const { spawn } = await import("node:child_process");
  const { constants } = await import("node:os");
  const bootstrap = join(dirname(bin), "../../../tools/pinned-node.mjs");
  const { ensureNode } = existsSync(bootstrap)
    ? await import(bootstrap)
    : {
        ensureNode: () => {
          throw new Error(
            `Serval needs Node 24 or newer; this is Node ${process.versions.node}. Fix: install a newer Node.`,
          );
        },
      };
  const child = spawn(
    ensureNode((line) => console.error(line)),
    [bin, ...process.argv.slice(2)],
    { stdio: "inherit" },
  );
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("exit", (code, signal) => {
    process.exitCode = code ?? 128 + constants.signals[signal];
  });
}

try {
  const help = helpText(process.argv.slice(2));
  if (help !== undefined) {
    process.stdout.write(help);
    process.exitCode = process.argv.length === 2 ? 2 : 0;
  } else if (Number(process.versions.node.split(".")[0]) < 24) await continueUnderPinnedNode();
  else {
    keepCompiledCode();
    const { main } = await import(entry);
    process.exitCode = await main(process.argv.slice(2));
    // A role that failed half-way may have left something open; nothing is waited for once the command has its result.
    setTimeout(() => process.exit(), 500).unref();
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
