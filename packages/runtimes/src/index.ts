// SPDX-License-Identifier: Apache-2.0
// The door of @serval/runtimes: interfaces, descriptors and engine installation; models are imported by path, lazily.
export * from "./catalogue.ts";
export {
  type ClusterServingRuntime,
  clusterServingRuntime,
  type RuntimeDescriptor,
  SERVAL_IMAGE,
} from "./descriptor.ts";
export { type EngineName, type EngineOptions, type EngineProgress, ensureEngine } from "./engines.ts";
export * from "./model.ts";
