// SPDX-License-Identifier: Apache-2.0
// Fetching a heavy engine, with a stand-in for npm: once for many callers, nothing half-made left behind, no network twice.
import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { engineDir, ensureEngine } from "./engines.ts";
import { ModelError } from "./model.ts";

const FAKE_NPM = `
import { appendFileSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
appendFileSync(process.env.FAKE_NPM_LOG, process.argv.slice(2).join(" ") + "\\n");
if (!existsSync("package-lock.json")) throw new Error("no lockfile");
mkdirSync("node_modules/onnxruntime-node/dist", { recursive: true });
writeFileSync("node_modules/onnxruntime-node/dist/index.js", "");
`;
const FAILING_NPM = `
import { mkdirSync } from "node:fs";
mkdirSync("node_modules/half", { recursive: true });
console.error("npm error request to https://user:hunter2@registry.example/x failed");
process.exit(1);
`;

describe("ensureEngine()", () => {
  let cacheDir: string;
  let log: string;
  const script = async (name: string, source: string): Promise<readonly string[]> => {
    const file = join(cacheDir, `${name}.mjs`);
    await writeFile(file, source);
    return [process.execPath, file];
  };
  before(async () => {
    cacheDir = await mkdtemp(join(tmpdir(), "serval-engines-"));
    log = join(cacheDir, "npm.log");
    process.env["FAKE_NPM_LOG"] = log;
  });
  after(async () => {
    delete process.env["FAKE_NPM_LOG"];
    await rm(cacheDir, { recursive: true });
  });

  it("leaves nothing behind when npm fails, says why, and hides credentials", async () => {
    const npm = await script("failing", FAILING_NPM);
    await assert.rejects(ensureEngine("onnx", { cacheDir, npm }), (error: unknown) => {
      assert.ok(error instanceof ModelError);
      assert.match(
        error.message,
        /Cannot fetch the engine onnx: npm install ended with code 1 .*registry\.example.*check the network/,
      );
      assert.doesNotMatch(error.message, /hunter2/);
      return true;
    });
    assert.deepEqual(await readdir(join(cacheDir, "engines")), []);
  });

  it("says that npm is missing", async () => {
    await assert.rejects(
      ensureEngine("onnx", { cacheDir, npm: [join(cacheDir, "no-such-npm")] }),
      /npm did not start.*install npm/,
    );
  });

  it("installs once for three callers at the same time, without scripts, and shows progress", async () => {
    const npm = await script("fake", FAKE_NPM);
    const messages: string[] = [];
    const onProgress = ({ message }: { message: string }): void => void messages.push(message);
    const results = await Promise.all([1, 2, 3].map(() => ensureEngine("onnx", { cacheDir, npm, onProgress })));
    assert.deepEqual(results, Array(3).fill({ dir: engineDir("onnx", cacheDir) }));
    const calls = (await readFile(log, "utf8")).trim().split("\n");
    assert.equal(calls.length, 1);
    assert.match(calls[0]!, /--omit=optional.*--ignore-scripts/);
    assert.match(messages.join("\n"), /fetching the engine onnx .*about 115 MB, once/);
    assert.deepEqual(await readdir(join(cacheDir, "engines")), ["onnx-1.30.0"]);
  });

  it("needs nothing the second time", async () => {
    const { dir } = await ensureEngine("onnx", { cacheDir, npm: [join(cacheDir, "no-such-npm")] });
    assert.equal(dir, engineDir("onnx", cacheDir));
  });

  it("takes over the lock of a process that is gone", async () => {
    const other = join(cacheDir, "other");
    const npm = await script("fake", FAKE_NPM);
    await ensureEngine("onnx", { cacheDir: other, npm });
    await rm(engineDir("onnx", other), { recursive: true });
    await writeFile(`${engineDir("onnx", other)}.lock`, "999999999");
    await ensureEngine("onnx", { cacheDir: other, npm });
    assert.deepEqual(await readdir(join(other, "engines")), ["onnx-1.30.0"]);
  });
});
