// SPDX-License-Identifier: Apache-2.0
// @serval/operator: desired state. Controllers, pure builders, admission. Never imports runtimes or the data plane.
// A new kind is a folder in controllers/; a pod feature a file in pod/; a rule lives in @serval/api.
export * from "./admission-state.ts";
export type { BootstrapOptions } from "./bootstrap/bootstrap.ts";
export { installManager } from "./bootstrap/ensure.ts";
export * from "./cluster-operator.ts";
export * from "./leadership/lease.ts";
export * from "./main.ts";
export * from "./rights.ts";
export * from "./webhooks/index.ts";
export { installRoleName } from "./webhooks/owner.ts";
