// SPDX-License-Identifier: Apache-2.0
// A store that forgets everything with the process: for tests and for `--dry-run` homes.
import { createEngine } from "./engine.ts";
import type { Store } from "./store.ts";

export const memoryStore = (options: { historyLength?: number } = {}): Store =>
  createEngine({ revision: 1, entries: [], ...options });
