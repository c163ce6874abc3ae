// SPDX-License-Identifier: Apache-2.0
// @serval/operator: desired state. Controllers, pure builders, admission. Never imports runtimes or the data plane.
// A new kind is a folder in controllers/; a pod feature a file in pod/; a rule lives in @serval/api.
export * from "./admission-state.ts";
export * from "./main.ts";
export * from "./webhooks/index.ts";
