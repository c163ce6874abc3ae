// SPDX-License-Identifier: Apache-2.0
// The bin prints help by itself, on any Node; it must be what the command table says.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import generated from "../bin/help.gen.json" with { type: "json" };
import { commandTable } from "./commands/index.ts";
import { commandHelp, overview } from "./help.ts";
import { servalBin } from "./serval-bin.ts";
import { version } from "./version.ts";

const run = promisify(execFile);

describe("the bin's own help", () => {
  it("is what the command table says", () => {
    const { overview: text, commands } = generated;
    assert.equal(text, overview(commandTable, version));
    for (const [name, help] of Object.entries(commands)) {
      const command = commandTable.find((candidate) => candidate.name === name);
      assert.ok(command !== undefined);
      assert.equal(help, commandHelp(command));
    }
  });
  it("is printed for --help, help NAME and NAME --help", async () => {
    for (const [args, text] of [
      [["--help"], generated.overview],
      [["help", "up"], generated.commands.up],
      [["get", "-h"], generated.commands.get],
    ] as const) {
      const { stdout } = await run(process.execPath, [servalBin, ...args]);
      assert.equal(stdout, text);
    }
  });
  it("without arguments is wrong usage", async () => {
    await assert.rejects(run(process.execPath, [servalBin]), (error) => (error as { code: number }).code === 2);
  });
});
