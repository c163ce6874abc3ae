// SPDX-License-Identifier: Apache-2.0
// Where models come from: one file per scheme, this list, and the choice by prefix. To add one: its file and one line.
// What belongs elsewhere: retries, resume, checks, unpacking, progress (written once, in fetch.ts and below).
import { ServalError } from "@serval/api/errors/index.ts";
import { redactUri } from "../errors.ts";
import type { StorageScheme } from "../scheme.ts";
import { file } from "./file.ts";
import { gs } from "./gs.ts";
import { http } from "./http.ts";
import { pvc } from "./pvc.ts";

export const schemes: readonly StorageScheme[] = [gs, http, pvc, file];

/** Known to KServe, not read here yet. Tested before the list: some of them are https addresses. */
const later: readonly { name: string; pattern: RegExp }[] = [
  { name: "s3://", pattern: /^s3:\/\// },
  { name: "hf://", pattern: /^hf:\/\// },
  { name: "oci://", pattern: /^oci(\+\w+)?:\/\// },
  { name: "hdfs://", pattern: /^(web)?hdfs:\/\// },
  { name: "modelscope://", pattern: /^modelscope:\/\// },
  {
    name: "Azure Blob and File storage",
    pattern:
      /^https:\/\/[^/]+\.((blob|file)\.core\.windows\.net|z\d{1,2}\.blob\.storage\.azure\.net|file\.storage\.azure\.net)\//,
  },
  { name: "git (https://….git)", pattern: /^https:\/\/[^?#]+\.git(\/|$)/ },
];

const known = ["file://", "pvc://", "gs://", "http://", "https://"].join(", ");

/** @throws ServalError naming the schemes that exist and those that will. */
export function schemeOf(uri: string): StorageScheme {
  const waiting = later.find(({ pattern }) => pattern.test(uri));
  const where = redactUri(uri);
  if (waiting !== undefined)
    throw new ServalError(
      "StorageUriNotSupported",
      `Cannot fetch '${where}': ${waiting.name} is not read in this release; ${known} are`,
      { fix: "Put the model where one of these reaches it" },
    );
  const byLength = schemes
    .flatMap((scheme) => scheme.prefixes.map((prefix) => ({ scheme, prefix })))
    .sort((a, b) => b.prefix.length - a.prefix.length);
  const found = byLength.find(({ prefix }) => uri.startsWith(prefix));
  if (found !== undefined) return found.scheme;
  throw new ServalError(
    "StorageUriNotSupported",
    `Cannot recognize storage type for ${where}: ${known} are read; ${later.map(({ name }) => name).join(", ")} come in a later release`,
    { fix: "Correct the scheme of storageUri" },
  );
}
