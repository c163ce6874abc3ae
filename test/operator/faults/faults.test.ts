// SPDX-License-Identifier: Apache-2.0
// No lost work: whatever happens at whichever call of the operator, a story ends in the state in which it ends
// undisturbed, with a bounded number of calls. main.ts plays, in a process of its own.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { after, before, describe, it } from "node:test";
import { callFaults, disturbers } from "./faults.ts";
import type { FaultReport } from "./main.ts";

const timeout = process.env["SERVAL_FAULTS"] === "all" ? 3_600_000 : 280_000;

describe("no work is lost when", { timeout }, () => {
  const names = [...Object.keys(callFaults), ...Object.keys(disturbers)];
  const reports = new Map(names.map((name) => [name, Promise.withResolvers<FaultReport>()]));
  for (const { promise } of reports.values()) promise.catch(() => {});
  let stop = (): void => {};
  before(() => {
    const child = spawn(process.execPath, [new URL("./main.ts", import.meta.url).pathname], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    stop = () => void child.kill("SIGKILL");
    createInterface({ input: child.stdout }).on("line", (line) => {
      const report = JSON.parse(line) as FaultReport;
      reports.get(report.name)?.resolve(report);
    });
    child.once("close", (code) => {
      for (const { reject } of reports.values()) reject(new Error(`the player ended early, with ${code}`));
    });
  });
  after(() => stop());

  for (const name of names)
    it(name, async (test) => {
      const report = await reports.get(name)?.promise;
      test.diagnostic(
        `${report?.runs} runs, slowest ${report?.slowestMs} ms, at most ${report?.moreCalls} more calls, seed ${report?.seed}`,
      );
      assert.deepEqual(report?.failures, []);
    });
});
