// SPDX-License-Identifier: Apache-2.0
// What every engine gives the model server: a predictive model (tensors in, tensors out) or a language model
// (messages in, pieces of text out). One object per loaded model; `load` once, `unload` once.
import type { ModelMetadata, Tensor, V1Payload } from "@serval/protocol";

interface Lifecycle {
  /** Resolves when the model can answer; rejects with a ModelError that says what, why and how to fix. */
  load(): Promise<void>;
  /** Never throws; false before load, after unload, and while a crashed engine is away. */
  readonly ready: boolean;
  unload(): Promise<void>;
}

export interface PredictiveModel extends Lifecycle {
  readonly kind: "predictive";
  metadata(): ModelMetadata;
  /** Throws a RequestError (4xx) for wrong inputs. Synchronous where the engine is: no needless turn of the event loop. */
  infer(inputs: readonly Tensor[], signal?: AbortSignal): readonly Tensor[] | Promise<readonly Tensor[]>;
  /** A model that answers V1 bodies in its own way; without it V1 goes through `infer`. */
  predict?(payload: V1Payload): unknown;
}

export interface ChatMessage {
  readonly role: string;
  readonly content: string;
}

export interface GenerateRequest {
  /** Either a conversation, rendered with the model's chat template, or a plain prompt. */
  readonly prompt: { readonly messages: readonly ChatMessage[] } | { readonly text: string };
  readonly maxTokens: number | undefined;
  readonly temperature: number;
  readonly topP: number;
  readonly topK: number | undefined;
  readonly minP: number | undefined;
  readonly seed: number | undefined;
  readonly repetitionPenalty: number | undefined;
  readonly frequencyPenalty: number | undefined;
  readonly presencePenalty: number | undefined;
  readonly stop: readonly string[];
}

export type GenerateEvent =
  | { readonly type: "text"; readonly text: string; readonly promptTokens: number; readonly completionTokens: number }
  | {
      readonly type: "end";
      readonly reason: "stop" | "length";
      readonly promptTokens: number;
      readonly completionTokens: number;
    };

export interface LanguageModel extends Lifecycle {
  readonly kind: "language";
  readonly contextLength: number;
  /** Used where a request gives no temperature: the model file's own recommendation, else 1 as OpenAI. */
  readonly defaultTemperature: number;
  /** Ends with exactly one "end" event. Aborting the signal stops the computation, not only the stream. */
  generate(request: GenerateRequest, signal: AbortSignal): AsyncIterable<GenerateEvent>;
}

export type Model = PredictiveModel | LanguageModel;

/** A model that cannot be loaded: what failed, why, and how to fix it, for the log and the termination message. */
export class ModelError extends Error {
  override readonly name = "ModelError";
}
