// SPDX-License-Identifier: Apache-2.0
// The platforms that images are built for, in the spelling of each tool that is asked.

export interface Platform {
  /** OCI's and Debian's. */
  readonly architecture: "amd64" | "arm64";
  /** Node's and npm's. */
  readonly cpu: "x64" | "arm64";
  /** GNU's, in the names of library folders. */
  readonly triplet: string;
}

const platforms: Readonly<Record<string, Platform>> = {
  "linux/amd64": { architecture: "amd64", cpu: "x64", triplet: "x86_64-linux-gnu" },
  "linux/arm64": { architecture: "arm64", cpu: "arm64", triplet: "aarch64-linux-gnu" },
};

/** @throws Error naming the known ones. */
export function platformOf(text: string): Platform {
  const found = platforms[text];
  if (found !== undefined) return found;
  throw new Error(`Cannot build for --platform ${text}\nFix: use one of ${Object.keys(platforms).join(", ")}`);
}
