// SPDX-License-Identifier: Apache-2.0
// @serval/storage: where models come from. One file per URI scheme; resuming, checking and unpacking are written once.
export { type FetchOptions, fetchModel } from "./fetch.ts";
