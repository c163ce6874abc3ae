// SPDX-License-Identifier: Apache-2.0
// @serval/api: what users write. Pure: no node: imports, no clock, no randomness.
export * from "./config/index.ts";
export * from "./core/index.ts";
export * from "./errors/index.ts";
export * from "./release.ts";
export * from "./schema/index.ts";
export * from "./serving/index.ts";
