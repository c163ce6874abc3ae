// SPDX-License-Identifier: Apache-2.0
// Whether this installation can keep a home's objects: images for clusters come without the store's native code.

export function isStoreInstalled(): boolean {
  try {
    import.meta.resolve("lmdb");
    return true;
  } catch {
    return false;
  }
}
