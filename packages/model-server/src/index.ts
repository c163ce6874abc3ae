// SPDX-License-Identifier: Apache-2.0
// The door of @serval/model-server.
export { type RunningServer, startServer } from "./http/server.ts";
export { Repository } from "./repository.ts";
export { type ServeDeps, serve } from "./serve.ts";
