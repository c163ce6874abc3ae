// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { throughShell } from "./odd-variables.ts";
import { logPath } from "./process-files.ts";
import { startProcess, waitForExit } from "./process-runner.ts";

describe("variables with names that a shell cannot hold", () => {
  it("leave every other command as it is", () => {
    const command = { argv: ["env"], env: { PATH: "/bin", A_1: "x" } };
    assert.deepEqual(throughShell(command, "/bin/env"), command);
  });
  it("stand in no command line", () => {
    const { argv } = throughShell({ argv: ["env"], env: { "host-headers": "secret" } }, "/bin/env");
    assert.doesNotMatch(argv.join(" "), /secret/);
  });

  it("reach the program, which keeps its arguments and its process id", async () => {
    const dir = await mkdtemp(join(tmpdir(), "serval-variables-"));
    const limits = { shell: "", wasOomKilled: async () => false, release: async () => {} };
    const env = { PATH: process.env["PATH"] ?? "", PLAIN: "1", "a.b-headers": '{"authorization": "Bearer x y"}' };
    const print = "console.log(JSON.stringify([process.pid, process.argv.slice(1), process.env]))";
    const argv = ["node", "-e", print, "--", "--flag", "a b"];
    try {
      const running = await startProcess({ dir, cwd: dir, restart: 0, argv, env, limits });
      const exit = await waitForExit(dir, running, AbortSignal.timeout(10_000));
      const text = await readFile(logPath(dir, 0), "utf8");
      assert.equal(exit?.exitCode, 0, text);
      const [pid, args, seen] = JSON.parse(text) as [number, string[], Record<string, string>];
      assert.equal(pid, running.pid);
      assert.deepEqual(args, ["--flag", "a b"]);
      for (const [name, value] of Object.entries(env)) assert.equal(seen[name], value, name);
      assert.equal(seen["SERVAL_SHIM_ENV"], undefined);
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  });
});
