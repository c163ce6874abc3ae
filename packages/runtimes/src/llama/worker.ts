// SPDX-License-Identifier: Apache-2.0
// The child process of one language model: native code crashes, leaks and is killed here and not in the server.
// Speaks messages.ts over IPC; ends when the parent goes away.
import { flushCompileCache } from "node:module";
import { ModelError } from "../model.ts";
import { importBinding, importJinja, type Sequence, type Token } from "./binding.ts";
import { type Generator, generate, PromptError, promptTokens } from "./generation.ts";
import type { FromWorker, LoadOptions, ToWorker } from "./messages.ts";

const DEFAULT_CONTEXT = 4096;
const running = new Map<number, AbortController>();
const waiting: Array<() => void> = [];
let idle: Sequence[] = [];
let generator: Generator | undefined;

const send = (message: FromWorker): void => void process.send?.(message);

async function load(options: LoadOptions): Promise<void> {
  const { getLlama } = await importBinding(options.engineDir);
  const { Template } = await importJinja(options.engineDir);
  const llama = await getLlama({
    build: "never",
    gpu: false,
    progressLogs: false,
    logLevel: "error",
    maxThreads: options.threads,
  });
  const model = await llama.loadModel({ modelPath: options.file });
  const wanted = options.maxModelLength ?? Math.min(model.trainContextSize, DEFAULT_CONTEXT);
  const contextLength = Math.min(wanted, model.trainContextSize);
  if (wanted > contextLength)
    send({
      type: "log",
      message: `--max-model-len=${wanted} is more than the model was trained for; ${contextLength} tokens are used`,
    });
  const context = await model.createContext({
    contextSize: contextLength,
    sequences: options.sequences,
    threads: options.threads,
  });
  idle = Array.from({ length: options.sequences }, () => context.getSequence());
  const { metadata } = model.fileInfo;
  const source = options.chatTemplate ?? metadata["tokenizer"]?.["chat_template"];
  const template = typeof source === "string" ? new Template(source) : undefined;
  const general = metadata["general"]?.["sampling"] as Record<string, unknown> | undefined;
  const temperature = general?.["temp"];
  generator = {
    model,
    contextLength,
    render({ prompt }) {
      if ("text" in prompt) return prompt.text;
      if (template === undefined)
        throw new PromptError(
          "The model has no chat template: give one with --chat-template, or post to /v1/completions",
        );
      return template.render({ messages: prompt.messages, add_generation_prompt: true, bos_token: "", eos_token: "" });
    },
  };
  // Now: a worker is usually killed, and would write nothing at its end.
  flushCompileCache();
  send({
    type: "loaded",
    contextLength,
    defaultTemperature: typeof temperature === "number" ? temperature : undefined,
  });
}

/** The idle sequence that already holds the longest beginning of the prompt; waits where none is idle. */
async function take(prompt: readonly Token[]): Promise<Sequence> {
  while (idle.length === 0) await new Promise<void>((resolve) => waiting.push(resolve));
  const shared = (sequence: Sequence): number => {
    const known = sequence.contextTokens;
    let at = 0;
    while (at < known.length && at < prompt.length && known[at] === prompt[at]) at++;
    return at;
  };
  const best = idle.reduce((a, b) => (shared(b) > shared(a) ? b : a));
  idle = idle.filter((sequence) => sequence !== best);
  return best;
}

function release(sequence: Sequence): void {
  idle.push(sequence);
  waiting.shift()?.();
}

async function answer(id: number, request: Extract<ToWorker, { type: "generate" }>["request"]): Promise<void> {
  const control = new AbortController();
  running.set(id, control);
  try {
    if (generator === undefined) throw new ModelError("the model is not loaded");
    const prompt = promptTokens(generator, request);
    const sequence = await take(prompt);
    try {
      if (control.signal.aborted) return;
      for await (const event of generate(generator, sequence, { request, prompt, signal: control.signal }))
        send({ type: "event", id, event });
    } finally {
      release(sequence);
    }
  } catch (error) {
    send({
      type: "error",
      id,
      status: error instanceof PromptError ? 400 : 500,
      message: error instanceof Error ? error.message : String(error),
    });
  } finally {
    running.delete(id);
  }
}

process.on("message", (message: ToWorker) => {
  if (message.type === "abort") running.get(message.id)?.abort();
  else if (message.type === "generate") void answer(message.id, message.request);
  else
    load(message).catch((error: unknown) =>
      send({ type: "failed", message: error instanceof Error ? error.message : String(error) }),
    );
});
process.on("disconnect", () => process.exit(0));
