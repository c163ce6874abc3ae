// SPDX-License-Identifier: Apache-2.0
// InferenceService v1beta1: shape, defaults, rules, conditions, names. Nothing here does I/O.

export * from "./conditions.ts";
export * from "./defaults.ts";
export * from "./implementations.ts";
export * from "./names.ts";
export * from "./rules/index.ts";
export * from "./schema.ts";
export * from "./status-schema.ts";
