// SPDX-License-Identifier: Apache-2.0
// OpenAI's chat and text completions: requests checked into one shape, responses and stream chunks written from it.
// Unknown fields are accepted (SDKs add some all the time); known fields that cannot be honoured are refused by name.
import { RequestError } from "./request-error.ts";

export interface SamplingRequest {
  readonly model: string;
  readonly maxTokens: number | undefined;
  readonly temperature: number | undefined;
  readonly topP: number;
  readonly topK: number | undefined;
  readonly minP: number | undefined;
  readonly seed: number | undefined;
  readonly repetitionPenalty: number | undefined;
  readonly frequencyPenalty: number | undefined;
  readonly presencePenalty: number | undefined;
  readonly stop: readonly string[];
  readonly stream: boolean;
  readonly includeUsage: boolean;
  readonly continuousUsage: boolean;
}
export interface ChatRequest extends SamplingRequest {
  readonly messages: ReadonlyArray<{ readonly role: string; readonly content: string }>;
}
export interface CompletionRequest extends SamplingRequest {
  readonly prompts: readonly string[];
}
export interface Usage {
  readonly promptTokens: number;
  readonly completionTokens: number;
}
export type FinishReason = "stop" | "length";

type Json = Readonly<Record<string, unknown>>;
const bad = (param: string, message: string, status = 400): RequestError =>
  new RequestError(status, message, { param });
const asObject = (value: unknown): Json | undefined =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : undefined;

function given(body: Json, field: string): unknown {
  const value = body[field];
  return value === null ? undefined : value;
}

function number(body: Json, field: string, rule: { min: number; max: number; integer?: boolean }): number | undefined {
  const value = given(body, field);
  if (value === undefined) return undefined;
  if (typeof value === "number" && value >= rule.min && value <= rule.max && (!rule.integer || Number.isInteger(value)))
    return value;
  const upper = rule.max === Number.POSITIVE_INFINITY ? "" : ` and at most ${rule.max}`;
  throw bad(
    field,
    `${field} must be ${rule.integer ? "an integer" : "a number"} of at least ${rule.min}${upper}, not ${JSON.stringify(value)?.slice(0, 40)}`,
  );
}

const tokens = { min: 1, max: Number.POSITIVE_INFINITY, integer: true };

function sampling(body: unknown): { json: Json; request: SamplingRequest } {
  const json = asObject(body);
  if (json === undefined) throw bad("", "The body must be a JSON object");
  refuse(json);
  const stream = given(json, "stream") === true;
  const options = asObject(given(json, "stream_options"));
  if (options !== undefined && !stream)
    throw bad("stream_options", "stream_options may be given only with stream=true", 422);
  const { model } = json;
  if (typeof model !== "string") throw bad("model", "model is required: the name of the served model");
  const request = {
    model,
    maxTokens: number(json, "max_completion_tokens", tokens) ?? number(json, "max_tokens", tokens),
    temperature: number(json, "temperature", { min: 0, max: 2 }),
    topP: number(json, "top_p", { min: 0, max: 1 }) ?? 1,
    topK: number(json, "top_k", { min: -1, max: 1e6, integer: true }),
    minP: number(json, "min_p", { min: 0, max: 1 }),
    seed: number(json, "seed", { min: -(2 ** 63), max: 2 ** 63, integer: true }),
    repetitionPenalty: number(json, "repetition_penalty", { min: 0, max: 10 }),
    frequencyPenalty: number(json, "frequency_penalty", { min: -2, max: 2 }),
    presencePenalty: number(json, "presence_penalty", { min: -2, max: 2 }),
    stop: stopOf(given(json, "stop")),
    stream,
    includeUsage: options?.["include_usage"] === true || options?.["continuous_usage_stats"] === true,
    continuousUsage: options?.["continuous_usage_stats"] === true,
  };
  return {
    json,
    request: { ...request, topK: request.topK !== undefined && request.topK > 0 ? request.topK : undefined },
  };
}

/** Fields that would silently change the meaning of the answer if they were ignored. */
function refuse(json: Json): void {
  const count = given(json, "n");
  if (count !== undefined && count !== 1) throw bad("n", "n must be 1: this runtime makes one choice per request");
  const best = given(json, "best_of");
  if (best !== undefined && best !== 1)
    throw bad("best_of", "best_of must be 1: this runtime makes one choice per request");
  if (given(json, "logprobs") !== undefined && given(json, "logprobs") !== false)
    throw bad("logprobs", "logprobs are not supported by this runtime");
  if (given(json, "echo") === true) throw bad("echo", "echo is not supported by this runtime");
  if (given(json, "suffix") !== undefined) throw bad("suffix", "suffix is not supported by this runtime");
  const bias = asObject(given(json, "logit_bias"));
  if (bias !== undefined && Object.keys(bias).length > 0)
    throw bad("logit_bias", "logit_bias is not supported by this runtime");
  const tools = given(json, "tools");
  if (Array.isArray(tools) && tools.length > 0 && json["tool_choice"] !== "none")
    throw bad("tools", "tools are not supported by this runtime; leave them out, or use the vLLM runtime");
  const format = asObject(given(json, "response_format"))?.["type"];
  if (format !== undefined && format !== "text")
    throw bad(
      "response_format",
      `response_format ${JSON.stringify(format)} is not supported by this runtime; only "text" is`,
    );
}

function stopOf(value: unknown): readonly string[] {
  if (value === undefined) return [];
  const list = Array.isArray(value) ? value : [value];
  if (list.every((entry): entry is string => typeof entry === "string") && list.length <= 64) return list;
  throw bad("stop", "stop must be a string or a list of strings");
}

export function parseChatRequest(body: unknown): ChatRequest {
  const { json, request } = sampling(body);
  const list = json["messages"];
  if (!Array.isArray(list) || list.length === 0)
    throw bad("messages", "messages must be a list with at least one message");
  return { ...request, messages: list.map(messageOf) };
}

function messageOf(value: unknown, at: number): { role: string; content: string } {
  const message = asObject(value);
  const role = message?.["role"];
  if (message === undefined || typeof role !== "string" || role === "")
    throw bad(`messages[${at}].role`, `messages[${at}] needs a role such as "user"`);
  const { content } = message;
  if (typeof content === "string") return { role, content };
  if (content === null || content === undefined) return { role, content: "" };
  if (!Array.isArray(content))
    throw bad(`messages[${at}].content`, `messages[${at}].content must be a string or a list of parts`);
  const parts = content.map((part) => {
    const { type, text } = asObject(part) ?? {};
    if (type === "text" && typeof text === "string") return text;
    throw bad(
      `messages[${at}].content`,
      `messages[${at}].content has a part of type ${JSON.stringify(type)}; this runtime reads only "text"`,
    );
  });
  return { role, content: parts.join("\n") };
}

export function parseCompletionRequest(body: unknown): CompletionRequest {
  const { json, request } = sampling(body);
  const { prompt } = json;
  const prompts = typeof prompt === "string" ? [prompt] : prompt;
  if (
    !Array.isArray(prompts) ||
    prompts.length === 0 ||
    prompts.length > 64 ||
    !prompts.every((entry): entry is string => typeof entry === "string")
  ) {
    throw bad(
      "prompt",
      "prompt must be a string or a list of up to 64 strings (token lists are not supported by this runtime)",
    );
  }
  if (request.stream && prompts.length > 1) throw bad("stream", "stream=true takes one prompt");
  // OpenAI's default for text completions.
  return { ...request, maxTokens: request.maxTokens ?? 16, prompts };
}

/** OpenAI's error body; a 503 is what its SDKs retry. */
export function openaiErrorBody(error: RequestError): string {
  const types: Readonly<Record<number, string>> = {
    404: "not_found_error",
    413: "invalid_request_error",
    500: "server_error",
    503: "service_unavailable",
  };
  const type = types[error.status] ?? "invalid_request_error";
  const code = error.status === 404 ? "model_not_found" : null;
  return JSON.stringify({ error: { message: error.message, type, param: error.param || null, code } });
}

const usageJson = ({ promptTokens, completionTokens }: Usage) => ({
  prompt_tokens: promptTokens,
  completion_tokens: completionTokens,
  total_tokens: promptTokens + completionTokens,
});

export interface Identity {
  readonly id: string;
  readonly created: number;
  readonly model: string;
  readonly chat: boolean;
}

export interface Choice {
  readonly text: string;
  readonly reason: FinishReason;
}

export function completionBody(
  { id, created, model, chat }: Identity,
  choices: readonly Choice[],
  usage: Usage,
): string {
  const listed = choices.map(({ text, reason }, index) =>
    chat
      ? { index, message: { role: "assistant", content: text, refusal: null }, logprobs: null, finish_reason: reason }
      : { index, text, logprobs: null, finish_reason: reason },
  );
  return JSON.stringify({
    id,
    object: chat ? "chat.completion" : "text_completion",
    created,
    model,
    choices: listed,
    usage: usageJson(usage),
  });
}

export interface Chunk {
  readonly text?: string;
  readonly role?: string;
  readonly reason?: FinishReason;
  readonly usage?: Usage | undefined;
  /** The extra chunk of include_usage has no choices. */
  readonly bare?: boolean;
}

export function chunkEvent({ id, created, model, chat }: Identity, { text, role, reason, usage, bare }: Chunk): string {
  const content = { ...(role === undefined ? {} : { role }), ...(text === undefined ? {} : { content: text }) };
  const choice = chat
    ? { index: 0, delta: content, logprobs: null, finish_reason: reason ?? null }
    : { index: 0, text: text ?? "", logprobs: null, finish_reason: reason ?? null };
  const body = {
    id,
    object: chat ? "chat.completion.chunk" : "text_completion",
    created,
    model,
    choices: bare ? [] : [choice],
    ...(usage === undefined ? {} : { usage: usageJson(usage) }),
  };
  return `data: ${JSON.stringify(body)}\n\n`;
}
