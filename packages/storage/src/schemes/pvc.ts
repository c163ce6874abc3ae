// SPDX-License-Identifier: Apache-2.0
// pvc://: a claim is mounted by whoever runs the pod, so this only finds the mounted folder. The operator mounts a
// model's claim itself; the scheme is here for pods that fetch from a claim by hand.
// Source: KServe kserve_storage.py (`/mnt/pvc` rule).
import { realpath } from "node:fs/promises";
import { join, relative } from "node:path";
import { FetchError } from "../errors.ts";
import type { Access, StorageScheme } from "../scheme.ts";
import { file, listPath } from "./file.ts";

const mountRoot = (env: Access["env"]): string => env["SERVAL_PVC_DIR"] ?? "/mnt/pvc";

/** `pvc://claim/path` and KServe's `/mnt/pvc/path`. @throws FetchError for another form or a path that climbs out. */
export function parsePvcUri(uri: string): { claim: string; path: string } {
  const match = /^(?:pvc:\/\/([a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?)|\/mnt\/pvc)(?:\/(.*))?$/s.exec(uri);
  const path = match?.[2] ?? "";
  if (match === null || path.split("/").includes(".."))
    throw new FetchError(`Cannot read '${uri}': it is not of the form pvc://CLAIM/PATH`, { fix: "Correct storageUri" });
  return { claim: match[1] ?? "", path };
}

/** A link in a shared volume may point anywhere; only what stays inside it is a model. */
async function insideClaim(root: string, path: string, uri: string): Promise<string> {
  const [base, target] = await Promise.all([root, path].map((one) => realpath(one).catch(() => undefined)));
  if (base === undefined || target === undefined)
    throw new FetchError(`Cannot locate source uri ${uri} for PVC`, {
      fix: `Mount the claim at ${root} and check the path in it`,
    });
  if (relative(base, target).split("/")[0] !== "..") return target;
  throw new FetchError(`Refuse to read '${uri}': it is a link that leaves the claim`, {
    fix: "Put the files themselves into the volume",
  });
}

export const pvc: StorageScheme = {
  name: "pvc",
  prefixes: ["pvc://", "/mnt/pvc"],
  secretKeys: {},
  async *list(uri, access) {
    yield* listPath(await localPath(uri, access));
  },
  open: file.open,
  localPath,
};

async function localPath(uri: string, { env }: Access): Promise<string> {
  const { claim, path } = parsePvcUri(uri);
  const root = join(mountRoot(env), claim);
  const target = await insideClaim(root, join(root, path), uri);
  for await (const { locator } of listPath(target)) await insideClaim(root, locator, uri);
  return target;
}
