// SPDX-License-Identifier: Apache-2.0
// Heavy engines (ONNX Runtime, llama.cpp) are fetched from the npm registry when the first model needs one, like an image.
export type EngineName = "onnx" | "llama";
export interface EngineProgress {
  readonly message: string;
  readonly receivedBytes?: number;
}
export interface EngineOptions {
  readonly cacheDir: string;
  readonly onProgress?: (progress: EngineProgress) => void;
}
export async function ensureEngine(name: EngineName, _options: EngineOptions): Promise<{ dir: string }> {
  throw new Error(`engine ${name}: not yet`);
}
