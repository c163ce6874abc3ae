// SPDX-License-Identifier: Apache-2.0
// Schemas as values: makers for what a CRD accepts, and the emitters. Kinds live in ../serving.
export * from "./custom-resource.ts";
export * as schemaOf from "./makers.ts";
export * from "./rule-errors.ts";
export { type SchemaNode, structural } from "./structural.ts";
