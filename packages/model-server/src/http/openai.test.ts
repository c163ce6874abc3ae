// SPDX-License-Identifier: Apache-2.0
// The official openai SDK against the real example GGUF through llama.cpp, over real HTTP.
// Skips with a reason where the engine is neither installed nor installable (no network).
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { homedir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { ensureEngine } from "@serval/runtimes/engines.ts";
import { LlamaModel } from "@serval/runtimes/llama/model.ts";
import OpenAI from "openai";
import { Repository } from "../repository.ts";
import { type RunningServer, startServer } from "./server.ts";

const QUESTION = "Explain KServe in 2 lines.";
const folder = fileURLToPath(new URL("../../../../examples/models/serval-tiny-lm", import.meta.url));
const cacheDir = process.env["SERVAL_CACHE_DIR"] ?? join(homedir(), ".cache", "serval");
const engine = await ensureEngine("llama", { cacheDir }).then(
  ({ dir }) => ({ dir, skip: false as const }),
  (error: unknown) => ({ dir: "", skip: `no llama engine: ${error instanceof Error ? error.message : String(error)}` }),
);

describe("OpenAI protocol with the official SDK", { skip: engine.skip }, () => {
  const repository = new Repository();
  const model = new LlamaModel(folder, {
    engineDir: async () => engine.dir,
    threads: 1,
    log: () => undefined,
    env: process.env,
  });
  let server: RunningServer;
  let client: OpenAI;
  const messages = [{ role: "user" as const, content: QUESTION }];

  before(async () => {
    repository.add("llm", model);
    await model.load();
    const deps = {
      repository,
      uuid: randomUUID,
      now: () => performance.now(),
      wallClock: Date.now,
      log: () => undefined,
      maxRequestBytes: 1 << 20,
      openaiPrefix: "/openai",
    };
    server = await startServer(deps, { host: "127.0.0.1", port: 0 });
    client = new OpenAI({ apiKey: "none", baseURL: `${server.url}/v1`, maxRetries: 0 });
  });
  after(async () => {
    await server.stop(0);
    await repository.close();
  });

  it("answers the quick start's question in two lines, and says why it stopped", async () => {
    const { choices, usage } = await client.chat.completions.create({ model: "llm", messages, max_tokens: 128 });
    assert.match(
      choices[0]!.message.content ?? "",
      /^KServe is a Kubernetes-native platform .*\n.*autoscaling and canary.*\.$/,
    );
    assert.equal(choices[0]!.finish_reason, "stop");
    assert.equal(usage!.total_tokens, usage!.prompt_tokens + usage!.completion_tokens);
  });

  it("streams the same text, one finish reason last, usage in an extra chunk, also under /openai/v1", async () => {
    const prefixed = new OpenAI({ apiKey: "none", baseURL: `${server.url}/openai/v1`, maxRetries: 0 });
    const whole = await client.chat.completions.create({ model: "llm", messages, temperature: 0 });
    const chunks: OpenAI.ChatCompletionChunk[] = [];
    const options = {
      model: "llm",
      messages,
      temperature: 0,
      stream: true,
      stream_options: { include_usage: true },
    } as const;
    for await (const chunk of await prefixed.chat.completions.create(options)) chunks.push(chunk);
    assert.equal(chunks[0]!.choices[0]!.delta.role, "assistant");
    assert.equal(
      chunks.map(({ choices }) => choices[0]?.delta.content ?? "").join(""),
      whole.choices[0]!.message.content,
    );
    assert.deepEqual(
      chunks.map(({ choices }) => choices[0]?.finish_reason ?? null).filter((reason) => reason !== null),
      ["stop"],
    );
    assert.deepEqual(chunks.at(-1)!.choices, []);
    assert.deepEqual(chunks.at(-1)!.usage, whole.usage);
    assert.ok(chunks.slice(0, -1).every(({ usage }) => (usage ?? null) === null));
  });

  it("keeps to max_tokens and to stop strings", async () => {
    const short = await client.chat.completions.create({ model: "llm", messages, max_completion_tokens: 5 });
    assert.deepEqual([short.choices[0]!.finish_reason, short.usage!.completion_tokens], ["length", 5]);
    const stopped = await client.chat.completions.create({ model: "llm", messages, stop: ["\n"] });
    assert.match(stopped.choices[0]!.message.content ?? "", /object\.$/);
    assert.equal(stopped.choices[0]!.finish_reason, "stop");
  });

  it("gives the same text for the same seed", async () => {
    const ask = async (): Promise<string | null> =>
      (await client.chat.completions.create({ model: "llm", messages, temperature: 1.5, seed: 42 })).choices[0]!.message
        .content;
    assert.equal(await ask(), await ask());
  });

  it("completes prompts, several at once, in their order", async () => {
    const prompt = (question: string): string => `<|im_start|>user\n${question}<|im_end|>\n<|im_start|>assistant\n`;
    const { choices } = await client.completions.create({
      model: "llm",
      prompt: [prompt("What is a token?"), prompt("What is Triton?")],
      max_tokens: 60,
      temperature: 0,
    });
    assert.deepEqual(
      choices.map(({ index }) => index),
      [0, 1],
    );
    assert.match(choices[0]!.text, /token/i);
    assert.match(choices[1]!.text, /NVIDIA/);
  });

  it("lists and retrieves the model, for OpenAI's clients and for KServe's", async () => {
    assert.deepEqual(
      (await client.models.list()).data.map(({ id }) => id),
      ["llm"],
    );
    assert.equal((await client.models.retrieve("llm")).id, "llm");
    const v1 = (await (await fetch(`${server.url}/v1/models`)).json()) as { models: string[] };
    assert.deepEqual(v1.models, ["llm"]);
  });

  const refused = [
    { name: "an unknown model", body: { model: "other", messages }, status: 404, type: OpenAI.NotFoundError },
    { name: "n of 2", body: { model: "llm", messages, n: 2 }, status: 400, type: OpenAI.BadRequestError },
    { name: "no messages", body: { model: "llm", messages: [] }, status: 400, type: OpenAI.BadRequestError },
    {
      name: "an image",
      body: {
        model: "llm",
        messages: [{ role: "user" as const, content: [{ type: "image_url" as const, image_url: { url: "x" } }] }],
      },
      status: 400,
      type: OpenAI.BadRequestError,
    },
    {
      name: "stream_options without stream",
      body: { model: "llm", messages, stream_options: { include_usage: true } },
      status: 422,
      type: OpenAI.UnprocessableEntityError,
    },
    {
      name: "a temperature of 3",
      body: { model: "llm", messages, temperature: 3 },
      status: 400,
      type: OpenAI.BadRequestError,
    },
    {
      name: "a prompt beyond the context",
      body: { model: "llm", messages: [{ role: "user" as const, content: "word ".repeat(2000) }] },
      status: 400,
      type: OpenAI.BadRequestError,
    },
  ];
  for (const { name, body, status, type } of refused) {
    it(`refuses ${name} with ${status}`, async () => {
      await assert.rejects(
        client.chat.completions.create(body),
        (error: unknown) => error instanceof type && error.status === status,
      );
    });
  }

  it("stops computing when the client goes away, and serves the next one", { timeout: 20_000 }, async () => {
    const metrics = async (): Promise<string> => (await fetch(`${server.url}/metrics`)).text();
    const written = async (): Promise<string> => /generation_tokens_total\{.*\} \d+/.exec(await metrics())![0];
    const before = await written();
    const stream = await client.chat.completions.create({ model: "llm", messages, stream: true, stop: ["never"] });
    for await (const _ of stream) break;
    stream.controller.abort();
    while (!(await metrics()).includes('requests_running{model_name="llm"} 0')) await new Promise(setImmediate);
    // Tokens are counted at the end of an answer: one that was cut never gets there.
    assert.equal(await written(), before);
    const { choices } = await client.chat.completions.create({
      model: "llm",
      messages: [{ role: "user", content: "What is a token?" }],
    });
    assert.match(choices[0]!.message.content ?? "", /token/i);
  });
});
