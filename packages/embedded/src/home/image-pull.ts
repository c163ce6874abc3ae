// SPDX-License-Identifier: Apache-2.0
// What stands for an image pull in the embedded home: the heavy engine that an image's program needs, fetched once.
import type { Container } from "@serval/api";
import { engineForImage, ensureEngine } from "@serval/runtimes";

/** @param cacheDir where engines outlive the home. */
export function createImagePuller(cacheDir: string) {
  return async (container: Container, onProgress: (message: string) => void): Promise<void> => {
    const engine = engineForImage(container.image ?? "", container.args ?? []);
    if (engine === undefined) return;
    await ensureEngine(engine, { cacheDir, onProgress: ({ message }) => onProgress(message) });
  };
}
