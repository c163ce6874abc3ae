// SPDX-License-Identifier: Apache-2.0
// The part of node-llama-cpp 3.22.1 that is used, as types, and its lazy import from the engine's own folder
// (the package is not a dependency of this repository: ../engines.ts fetches it when the first GGUF model is served).
import { join } from "node:path";
import { pathToFileURL } from "node:url";

export type Token = number;

export interface Sequence {
  readonly nextTokenIndex: number;
  readonly contextTokens: readonly Token[];
  adaptStateToTokens(tokens: readonly Token[], allowShift?: boolean): Promise<void>;
  evaluate(tokens: readonly Token[], options: Readonly<Record<string, unknown>>): AsyncGenerator<Token, void, void>;
}
export interface Context {
  readonly contextSize: number;
  getSequence(): Sequence;
}
export interface NativeModel {
  readonly trainContextSize: number;
  readonly fileInfo: { readonly metadata: Readonly<Record<string, Readonly<Record<string, unknown>> | undefined>> };
  tokenize(text: string, specialTokens?: boolean): Token[];
  detokenize(tokens: readonly Token[], specialTokens?: boolean, lastTokens?: readonly Token[]): string;
  isEogToken(token: Token): boolean;
  createContext(options: Readonly<Record<string, unknown>>): Promise<Context>;
}
export interface Binding {
  getLlama(
    options: Readonly<Record<string, unknown>>,
  ): Promise<{ loadModel(options: { modelPath: string }): Promise<NativeModel> }>;
}
interface Jinja {
  Template: new (source: string) => { render(values: Readonly<Record<string, unknown>>): string };
}

const importFrom = (engineDir: string, file: string): Promise<unknown> =>
  import(pathToFileURL(join(engineDir, "node_modules", file)).href);

export const importBinding = (engineDir: string): Promise<Binding> =>
  importFrom(engineDir, "node-llama-cpp/dist/index.js") as Promise<Binding>;
export const importJinja = (engineDir: string): Promise<Jinja> =>
  importFrom(engineDir, "@huggingface/jinja/dist/index.js") as Promise<Jinja>;
