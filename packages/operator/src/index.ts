// SPDX-License-Identifier: Apache-2.0
// @serval/operator: desired state. Controllers, pure builders, admission. Never imports runtimes or the data plane.
export * from "./webhooks/index.ts";
