// SPDX-License-Identifier: Apache-2.0
/** The registry's package of Node by platform and processor, as in `linux-x64`. */
export const nodePackages: Readonly<Record<string, readonly [name: string, version: string]>>;
export const cacheDir: () => string;
export const cachedNode: () => string | undefined;
export const ensureNode: (say: (line: string) => void) => string;
