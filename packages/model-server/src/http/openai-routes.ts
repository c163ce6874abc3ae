// SPDX-License-Identifier: Apache-2.0
// OpenAI's routes at /v1 and under KServe's prefix (/openai/v1), present when a language model is served.
// A client that goes away stops the computation: its response's "close" aborts the generation.
import { once } from "node:events";
import {
  type ChatRequest,
  type Choice,
  type CompletionRequest,
  chunkEvent,
  completionBody,
  type Identity,
  openaiErrorBody,
  parseChatRequest,
  parseCompletionRequest,
  parseJson,
  RequestError,
  type SamplingRequest,
} from "@serval/protocol";
import type { GenerateEvent, GenerateRequest, LanguageModel } from "@serval/runtimes/model.ts";
import type { Entry } from "../repository.ts";
import { type Exchange, type Handler, type ServerDeps, sendError, sendJson } from "./exchange.ts";
import type { Route } from "./server.ts";

export function openaiRoutes(deps: ServerDeps): readonly Route[] {
  if (!deps.repository.all.some(({ model }) => model.kind === "language")) return [];
  const route = (method: Route["method"], path: string, handle: Handler): Route => ({
    method,
    path: new RegExp(`^(?:${escaped(deps.openaiPrefix)})?${path}$`),
    handle,
  });
  return [
    route("POST", "/v1/chat/completions", (exchange) => guarded(exchange, () => chat(exchange))),
    route("POST", "/v1/completions", (exchange) => guarded(exchange, () => complete(exchange))),
    route("GET", "/v1/models", listModels),
    route("GET", "/v1/models/([^/]+)", (exchange) => guarded(exchange, () => retrieveModel(exchange))),
  ];
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** Known errors in OpenAI's shape. */
async function guarded(exchange: Exchange, run: () => void | Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (error instanceof RequestError && !exchange.response.headersSent)
      sendJson(exchange.response, error.status, openaiErrorBody(error));
    else sendError(exchange.response, error, exchange.deps);
  }
}

const describe = ({ name }: Entry, { wallClock }: ServerDeps) => ({
  id: name,
  object: "model",
  created: Math.floor(wallClock() / 1000),
  owned_by: "serval",
});

/** One body for both protocols that use this path: OpenAI's `data` and KServe V1's `models`. */
const listModels: Handler = ({ response, deps }) => {
  const data = deps.repository.all
    .filter(({ model }) => model.kind === "language")
    .map((entry) => ({ ...describe(entry, deps), max_model_len: (entry.model as LanguageModel).contextLength }));
  sendJson(response, 200, JSON.stringify({ object: "list", data, models: deps.repository.names }));
};

function retrieveModel({ params, response, deps }: Exchange): void {
  const entry = deps.repository.ready(params[0]!);
  sendJson(response, 200, JSON.stringify({ name: entry.name, ready: true, ...describe(entry, deps) }));
}

interface Served {
  readonly entry: Entry;
  readonly model: LanguageModel;
}

function languageModel(deps: ServerDeps, name: string, what: string): Served {
  const entry = deps.repository.ready(name);
  if (entry.model.kind === "language") return { entry, model: entry.model };
  throw new RequestError(400, `Model ${name} does not support ${what}`, { param: "model" });
}

async function chat(exchange: Exchange): Promise<void> {
  const request = parseChatRequest(parseJson(exchange.body.toString("utf8")));
  const served = languageModel(exchange.deps, request.model, "Chat Completion API");
  await answer(exchange, served, { request, prompts: [{ messages: request.messages }], chat: true });
}

async function complete(exchange: Exchange): Promise<void> {
  const request = parseCompletionRequest(parseJson(exchange.body.toString("utf8")));
  const served = languageModel(exchange.deps, request.model, "Completions API");
  await answer(exchange, served, { request, prompts: request.prompts.map((text) => ({ text })), chat: false });
}

interface Job {
  readonly request: ChatRequest | CompletionRequest;
  readonly prompts: ReadonlyArray<GenerateRequest["prompt"]>;
  readonly chat: boolean;
}

async function answer(exchange: Exchange, { entry, model }: Served, { request, prompts, chat }: Job): Promise<void> {
  const { response, deps } = exchange;
  const { metrics } = entry;
  const began = deps.now();
  const gone = new AbortController();
  response.once("close", () => {
    if (!response.writableFinished) gone.abort();
  });
  const identity: Identity = {
    id: `${chat ? "chatcmpl" : "cmpl"}-${deps.uuid()}`,
    created: Math.floor(deps.wallClock() / 1000),
    model: request.model,
    chat,
  };
  const start = (prompt: GenerateRequest["prompt"]): AsyncIterable<GenerateEvent> =>
    counted(model.generate(generateRequest(request, prompt, model), gone.signal), entry);
  metrics.running += 1;
  try {
    if (request.stream) await stream(exchange, start(prompts[0]!), { identity, request, signal: gone.signal });
    else await whole(exchange, prompts.map(start), identity);
  } finally {
    metrics.running -= 1;
    metrics.done(response.headersSent ? response.statusCode : 400, (deps.now() - began) / 1000);
  }
}

const generateRequest = (
  request: SamplingRequest,
  prompt: GenerateRequest["prompt"],
  model: LanguageModel,
): GenerateRequest => ({
  ...request,
  prompt,
  temperature: request.temperature ?? model.defaultTemperature,
});

async function* counted(events: AsyncIterable<GenerateEvent>, { metrics }: Entry): AsyncGenerator<GenerateEvent> {
  for await (const event of events) {
    if (event.type === "end") {
      metrics.promptTokens += event.promptTokens;
      metrics.completionTokens += event.completionTokens;
    }
    yield event;
  }
}

async function whole(
  { response }: Exchange,
  answers: ReadonlyArray<AsyncIterable<GenerateEvent>>,
  identity: Identity,
): Promise<void> {
  const usage = { promptTokens: 0, completionTokens: 0 };
  const choices = await Promise.all(
    answers.map(async (events): Promise<Choice | undefined> => {
      let text = "";
      for await (const event of events) {
        if (event.type === "text") text += event.text;
        else {
          usage.promptTokens += event.promptTokens;
          usage.completionTokens += event.completionTokens;
          return { text, reason: event.reason };
        }
      }
      return undefined; // The client has gone.
    }),
  );
  const finished = choices.filter((choice) => choice !== undefined);
  if (finished.length === choices.length) sendJson(response, 200, completionBody(identity, finished, usage));
}

interface Streaming {
  readonly identity: Identity;
  readonly request: SamplingRequest;
  readonly signal: AbortSignal;
}

/** The head is written with the first event: an error before it is still a plain JSON error with its status. */
async function stream(
  { response }: Exchange,
  events: AsyncIterable<GenerateEvent>,
  { identity, request, signal }: Streaming,
): Promise<void> {
  const write = async (text: string): Promise<void> => {
    if (!response.headersSent) {
      response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache" });
      if (identity.chat) response.write(chunkEvent(identity, { role: "assistant", text: "" }));
    }
    if (!response.write(text)) await once(response, "drain", { signal }).catch(() => undefined); // aborted: the loop ends
  };
  try {
    for await (const event of events) {
      if (event.type === "text") {
        const usage = request.continuousUsage ? event : undefined;
        await write(chunkEvent(identity, { text: event.text, usage }));
        continue;
      }
      await write(chunkEvent(identity, { reason: event.reason }));
      if (request.includeUsage) await write(chunkEvent(identity, { bare: true, usage: event }));
      response.end("data: [DONE]\n\n");
    }
  } catch (error) {
    if (!response.headersSent || !(error instanceof RequestError)) throw error;
    response.end(`data: ${openaiErrorBody(error)}\n\ndata: [DONE]\n\n`);
  }
}
