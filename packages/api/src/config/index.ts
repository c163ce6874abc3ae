// SPDX-License-Identifier: Apache-2.0
// The typed `inferenceservice-config` ConfigMap: schema per key, parser, and the content of a new home.
export * from "./default-config-map.ts";
export * from "./parse.ts";
export * from "./schema.ts";
