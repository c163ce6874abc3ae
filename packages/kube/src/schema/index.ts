// SPDX-License-Identifier: Apache-2.0
// Structural schemas: pruning, defaulting, validation, with Kubernetes' results and texts. Pure; arguments stay as they are
// and results share unchanged parts with them.
export type { ApplyDefaults, FieldError, Prune, ValidateSchema } from "../patch/contract.ts";
export { applyDefaults } from "./defaults.ts";
export { withoutNulls } from "./json.ts";
export { prune } from "./prune.ts";
export { resolveSchema, type Schema, type TypeSchema } from "./schema.ts";
export { type UnsupportedKeyword, unsupportedKeywords } from "./unsupported.ts";
export { validateSchema } from "./validate.ts";
