// SPDX-License-Identifier: Apache-2.0
// @serval/storage: where models come from. One file per URI scheme (schemes/); resuming, checking, unpacking and
// progress are written once.
export { type FetchRequest, fetchModels } from "./fetch.ts";
export type { FetchDeps } from "./fetch-deps.ts";
export { fetchUsage, type RunFetchOptions, runFetch } from "./run-fetch.ts";
export type { SourceFile, StorageScheme } from "./scheme.ts";
export { schemeOf, schemes } from "./schemes/index.ts";
