// SPDX-License-Identifier: Apache-2.0
// Which files are archives: by name, as KServe guesses the type, and by the first bytes once they are here.

const byName: readonly { pattern: RegExp; kind: "tar" | "zip" }[] = [
  { pattern: /\.(tar|tar\.gz|tgz|tar\.zst|tar\.bz2|tbz2?|tar\.xz|txz)$/i, kind: "tar" },
  { pattern: /\.zip$/i, kind: "zip" },
];

/** `.mar`, `.whl`, `.gz` and the like stay as they are, although some are zip files inside. */
export const archiveKind = (name: string): "tar" | "zip" | undefined =>
  byName.find(({ pattern }) => pattern.test(name))?.kind;

export type Encoding = "plain" | "gzip" | "zstd" | "bzip2" | "xz" | "zip";

const starts = (head: Uint8Array, ...bytes: number[]): boolean => bytes.every((byte, i) => head[i] === byte);

/** How the bytes of an archive are packed; names lie, first bytes do not. */
export function encodingOf(head: Uint8Array): Encoding {
  if (starts(head, 0x1f, 0x8b)) return "gzip";
  if (starts(head, 0x28, 0xb5, 0x2f, 0xfd)) return "zstd";
  if (starts(head, 0x42, 0x5a, 0x68)) return "bzip2";
  if (starts(head, 0xfd, 0x37, 0x7a, 0x58, 0x5a)) return "xz";
  if (starts(head, 0x50, 0x4b, 0x03, 0x04) || starts(head, 0x50, 0x4b, 0x05, 0x06)) return "zip";
  return "plain";
}
