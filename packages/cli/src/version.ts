// SPDX-License-Identifier: Apache-2.0
// The one version of everything in this repository, as its package files say it.
import manifest from "../package.json" with { type: "json" };

export const version: string = manifest.version;
