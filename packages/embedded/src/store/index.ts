// SPDX-License-Identifier: Apache-2.0
// Where objects are kept. A new kind of store implements `Store` and runs store.suite.ts.
export { lmdbStore } from "./lmdb.ts";
export { memoryStore } from "./memory.ts";
export * from "./store.ts";
