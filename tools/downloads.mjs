// SPDX-License-Identifier: Apache-2.0
// What an installation downloaded, counted from npm's own cache: it keeps every tarball that it fetches. Not counted: the
// packages' metadata that npm asks for first, about 0.5 MB as sent.
import { existsSync, readFileSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** What the quick start fetches on top, when its first language model starts: the engine of GGUF models, packed. */
export const languageModelEngineMegabytes = 55.2;
export const budgetMegabytes = 70;

const npmCache = (env) => env.npm_config_cache ?? join(homedir(), ".npm");

/** Where npm keeps the tarball with this integrity. */
export function tarballPath(cache, integrity) {
  const [algorithm, base64] = integrity.split(" ")[0].split(/-(.*)/s);
  const hex = Buffer.from(base64, "base64").toString("hex");
  return join(cache, "_cacache", "content-v2", algorithm, hex.slice(0, 2), hex.slice(2, 4), hex.slice(4));
}

/**
 * @param {{ root: string, since: number, env: NodeJS.ProcessEnv }} options since: when the installation began (ms)
 * @returns {{ packages: number, bytes: number, fetched: number, fetchedBytes: number } | undefined}
 *   all that is installed, and of it what came over the network now; undefined when npm keeps no tarballs here
 */
export function countDownloads({ root, since, env }) {
  const listPath = join(root, "node_modules", ".package-lock.json");
  if (!existsSync(listPath)) return undefined;
  const total = { packages: 0, bytes: 0, fetched: 0, fetchedBytes: 0 };
  for (const { integrity } of Object.values(JSON.parse(readFileSync(listPath, "utf8")).packages ?? {})) {
    const found = integrity && statSync(tarballPath(npmCache(env), integrity), { throwIfNoEntry: false });
    if (!found) continue;
    total.packages += 1;
    total.bytes += found.size;
    if (found.mtimeMs < since) continue;
    total.fetched += 1;
    total.fetchedBytes += found.size;
  }
  return total.packages === 0 ? undefined : total;
}

const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;

/** One line for people. */
export function downloadLine({ packages, bytes, fetched, fetchedBytes }) {
  const source =
    fetched === packages
      ? "downloaded"
      : fetched === 0
        ? "packed, all from npm's cache"
        : `packed, of it ${megabytes(fetchedBytes)} downloaded now`;
  return `Installed ${packages} packages: ${megabytes(bytes)} ${source}. The language model's engine (${languageModelEngineMegabytes} MB) follows once; budget ${budgetMegabytes} MB.`;
}
