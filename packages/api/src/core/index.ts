// SPDX-License-Identifier: Apache-2.0
// Kubernetes' own kinds as Serval sees them. Generated types are never edited; resource types are listed by hand.
export type * from "./gateway-api.gen.ts";
export type * from "./kubernetes.gen.ts";
export * from "./object.ts";
export * as resources from "./resources.ts";
export * from "./rights.ts";
