// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { alone } from "./install-lock.mjs";

const dir = mkdtempSync(join(tmpdir(), "serval-lock-"));
after(() => rmSync(dir, { recursive: true }));

const module = fileURLToPath(new URL("install-lock.mjs", import.meta.url));
/** Says when it works and when it has worked, in one file for all. */
const program = (lock: string, log: string): string => `
  import { appendFileSync } from "node:fs";
  import { alone } from ${JSON.stringify(module)};
  alone(${JSON.stringify(lock)}, () => {
    appendFileSync(${JSON.stringify(log)}, "in\\n");
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 150);
    appendFileSync(${JSON.stringify(log)}, "out\\n");
  });
`;

async function ended(lock: string, log: string): Promise<number> {
  const args = ["--input-type=module", "-e", program(lock, log)];
  const [code] = (await once(spawn(process.execPath, args, { stdio: "ignore" }), "exit")) as [number];
  return code;
}

describe("one installation at a time", () => {
  it("processes that start together come one after the other", async () => {
    const [lock, log] = [join(dir, "together"), join(dir, "together.log")];
    const codes = await Promise.all([1, 2, 3].map(() => ended(lock, log)));
    assert.deepEqual(codes, [0, 0, 0]);
    assert.equal(readFileSync(log, "utf8"), "in\nout\n".repeat(3));
    assert.equal(existsSync(lock), false);
  });

  it("what a killed process left is no obstacle", async () => {
    const lock = join(dir, "left");
    const child = spawn(process.execPath, ["-e", ""], { stdio: "ignore" });
    await once(child, "exit");
    mkdirSync(lock);
    writeFileSync(join(lock, "pid"), String(child.pid));
    assert.equal(
      alone(lock, () => "done"),
      "done",
    );
  });

  it("an error is passed on, and the next one may", () => {
    const lock = join(dir, "error");
    assert.throws(() =>
      alone(lock, () => {
        throw new Error("npm");
      }),
    );
    assert.equal(
      alone(lock, () => 1),
      1,
    );
  });
});
