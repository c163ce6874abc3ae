// SPDX-License-Identifier: Apache-2.0
// One answer: prompt to tokens, tokens through a sequence of the shared context, tokens back to text.
// A sequence keeps its KV state, so a prompt that begins like the one before it is not read again (prefix caching).
import { type GenerateEvent, type GenerateRequest, ModelError } from "../model.ts";
import type { NativeModel, Sequence, Token } from "./binding.ts";
import { TextStream } from "./text-stream.ts";

export interface Generator {
  readonly model: NativeModel;
  readonly contextLength: number;
  readonly render: (request: GenerateRequest) => string;
}

export class PromptError extends ModelError {}

export function promptTokens({ model, contextLength, render }: Generator, request: GenerateRequest): Token[] {
  const tokens = model.tokenize(render(request), true);
  if (tokens.length === 0) throw new PromptError("Cannot complete an empty prompt");
  if (tokens.length < contextLength) return tokens;
  throw new PromptError(
    `This model's maximum context length is ${contextLength} tokens. However, your prompt has ${tokens.length} tokens. Please reduce the length of the messages or completion.`,
  );
}

/** Emits text as it is made, then exactly one end event. Stops at once when the signal is aborted, without an end. */
export async function* generate(
  generator: Generator,
  sequence: Sequence,
  job: { request: GenerateRequest; prompt: readonly Token[]; signal: AbortSignal },
): AsyncGenerator<GenerateEvent> {
  const { model, contextLength } = generator;
  const { request, prompt, signal } = job;
  const limit = Math.min(request.maxTokens ?? contextLength, contextLength - prompt.length);
  const text = new TextStream(request.stop);
  const written: Token[] = [];
  let pending: Token[] = [];
  let ended = false;
  // The last prompt token is always read again: its result is the first new token.
  await sequence.adaptStateToTokens(prompt.slice(0, -1), false);
  const iterator =
    limit > 0 ? sequence.evaluate(prompt.slice(sequence.nextTokenIndex), sampling(request, written)) : [];
  for await (const token of iterator) {
    if (signal.aborted) return;
    if (model.isEogToken(token)) {
      ended = true;
      break;
    }
    pending.push(token);
    const piece = model.detokenize(pending, false, written.slice(-8));
    written.push(token);
    // Half of a character: its other bytes are in the next token.
    if (!piece.endsWith("\ufffd")) {
      pending = [];
      const safe = text.push(piece);
      if (safe !== "")
        yield { type: "text", text: safe, promptTokens: prompt.length, completionTokens: written.length };
    }
    if (text.stopped || written.length >= limit) break;
  }
  const rest = text.stopped ? "" : text.end();
  if (rest !== "") yield { type: "text", text: rest, promptTokens: prompt.length, completionTokens: written.length };
  const reason = ended || text.stopped ? "stop" : "length";
  yield { type: "end", reason, promptTokens: prompt.length, completionTokens: written.length };
}

function sampling(request: GenerateRequest, written: readonly Token[]): Readonly<Record<string, unknown>> {
  const { temperature, topP, topK, minP, seed, repetitionPenalty, frequencyPenalty, presencePenalty } = request;
  const penalised = (repetitionPenalty ?? 1) !== 1 || (frequencyPenalty ?? 0) !== 0 || (presencePenalty ?? 0) !== 0;
  return {
    yieldEogToken: true,
    temperature,
    topP,
    topK: topK ?? 0,
    minP: minP ?? 0,
    ...(seed === undefined ? {} : { seed: seed >>> 0 }),
    ...(penalised
      ? {
          repeatPenalty: {
            punishTokens: () => [...written],
            penalty: repetitionPenalty ?? 1,
            frequencyPenalty: frequencyPenalty ?? 0,
            presencePenalty: presencePenalty ?? 0,
          },
        }
      : {}),
  };
}
