// SPDX-License-Identifier: Apache-2.0
// The child process of a language model: it is started again when it dies, and it dies with its model.
// Needs the engine; model-server's openai.test.ts installs it where a registry can be reached.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFile, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { engineDir } from "../engines.ts";
import type { GenerateRequest } from "../model.ts";
import { LlamaModel } from "./model.ts";

const folder = fileURLToPath(new URL("../../../../examples/models/serval-tiny-lm", import.meta.url));
const engine = engineDir("llama", process.env["SERVAL_CACHE_DIR"] ?? join(homedir(), ".cache", "serval"));
const installed = await stat(engine).then(
  () => true,
  () => false,
);
const skip = !installed
  ? `the engine is not installed in ${engine}`
  : process.platform !== "linux"
    ? "reads /proc"
    : false;

const request: GenerateRequest = {
  prompt: { messages: [{ role: "user", content: "What is a token?" }] },
  maxTokens: 60,
  temperature: 0,
  topP: 1,
  topK: undefined,
  minP: undefined,
  seed: undefined,
  repetitionPenalty: undefined,
  frequencyPenalty: undefined,
  presencePenalty: undefined,
  stop: [],
};

const children = (): number[] =>
  execFileSync("ps", ["-o", "pid=,args=", "--ppid", String(process.pid)], { encoding: "utf8" })
    .split("\n")
    .filter((line) => line.includes("llama/worker.ts"))
    .map((line) => Number.parseInt(line, 10));

async function answer(model: LlamaModel, question = "What is a token?"): Promise<string> {
  let text = "";
  const asked = { ...request, prompt: { messages: [{ role: "user", content: question }] } };
  for await (const event of model.generate(asked, new AbortController().signal))
    if (event.type === "text") text += event.text;
  return text;
}

describe("LlamaModel", { skip }, () => {
  it("fails the running request when its process is killed, starts it again, and ends it on unload", {
    timeout: 60_000,
  }, async () => {
    const log: string[] = [];
    const model = new LlamaModel(folder, {
      engineDir: async () => engine,
      threads: 1,
      log: (message) => log.push(message),
      env: process.env,
    });
    await model.load();
    const first = await answer(model);
    assert.match(first, /token/i);
    const [pid] = children();
    const running = answer(model);
    process.kill(pid!, "SIGKILL");
    await assert.rejects(running, /process ended while it answered/);
    while (!model.ready) await new Promise(setImmediate);
    assert.equal(await answer(model), first);
    assert.match(log.join("\n"), /ended with SIGKILL; starting it again/);
    await model.unload();
    assert.deepEqual(children(), []);
  });

  it("the example model answers its own text word for word, 95 of 100 questions at least", {
    timeout: 120_000,
  }, async () => {
    const text = await readFile(join(folder, "..", "lm", "qa.txt"), "utf8");
    const pairs = text.split(/\n\s*\n/).flatMap((block) => {
      const lines = block.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
      const question = lines[0]?.slice(1).split("|")[0]?.trim();
      if (question === undefined) return [];
      return [
        { question: lines[0]!.startsWith("=") ? `What is ${question}?` : question, want: lines.slice(1).join("\n") },
      ];
    });
    const model = new LlamaModel(folder, {
      engineDir: async () => engine,
      threads: 1,
      log: () => undefined,
      env: process.env,
    });
    await model.load();
    let right = 0;
    for (const { question, want } of pairs) if ((await answer(model, question)) === want) right += 1;
    await model.unload();
    assert.ok(pairs.length > 180);
    assert.ok(right >= pairs.length * 0.95, `${right} of ${pairs.length}`);
  });
});
