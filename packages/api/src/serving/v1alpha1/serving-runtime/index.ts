// SPDX-License-Identifier: Apache-2.0
// ServingRuntime and ClusterServingRuntime v1alpha1: shape and rules.

export * from "./defaults.ts";
export * from "./rules.ts";
export * from "./schema.ts";
