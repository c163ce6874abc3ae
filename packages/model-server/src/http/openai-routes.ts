// SPDX-License-Identifier: Apache-2.0
// OpenAI routes; filled when a language model is served.
import type { ServerDeps } from "./exchange.ts";
import type { Route } from "./server.ts";

export const openaiRoutes = (_deps: ServerDeps): readonly Route[] => [];
