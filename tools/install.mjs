// SPDX-License-Identifier: Apache-2.0
// Plain JavaScript: installs the clone's dependencies under the right Node, once per lockfile, and says what it costs.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { countDownloads, downloadLine } from "./downloads.mjs";
import { alone } from "./install-lock.mjs";
import { ensureNode } from "./pinned-node.mjs";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

const stampPath = join(root, "node_modules", ".serval-installed");

function stamp(withDev) {
  const lock = createHash("sha256")
    .update(readFileSync(join(root, "package-lock.json")))
    .digest("hex");
  return `${lock} ${withDev ? "all" : "production"}`;
}

const installed = () => (existsSync(stampPath) ? readFileSync(stampPath, "utf8") : "");

/** True when node_modules already has what is asked (everything satisfies production too). */
function isInstalled(withDev) {
  const found = installed();
  return found === stamp(true) || (!withDev && found === stamp(false));
}

/** Environment in which `node` is the right one. */
export const environmentFor = (node) => ({ ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH}` });

/**
 * @param {{ withDev: boolean, say: (line: string) => void }} options
 * @returns {string} path of the Node to go on with
 */
export function install({ withDev, say }) {
  const node = ensureNode(say);
  if (!isInstalled(withDev))
    alone(join(root, ".serval-installing"), () => {
      // Another one may have done it meanwhile.
      if (!isInstalled(withDev)) installWith(node, { withDev, say });
    });
  return node;
}

/** @throws Error with npm's own words. */
function installWith(node, { withDev, say }) {
  say(withDev ? "Installing dependencies, development tools included …" : "Installing dependencies …");
  const args = ["ci", "--no-audit", "--no-fund", ...(withDev ? [] : ["--omit=dev"])];
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  const since = Date.now();
  const result = spawnSync(npm, args, {
    cwd: root,
    env: environmentFor(node),
    stdio: ["ignore", "pipe", "pipe"],
    shell: process.platform === "win32",
  });
  if (result.status !== 0) {
    const output = `${result.stdout ?? ""}${result.stderr ?? ""}`.trim().split("\n").slice(-12).join("\n");
    throw new Error(`npm ci failed:\n${output}\nFix: check the network and the disk, then run the command again.`);
  }
  const downloads = countDownloads({ root, since, env: process.env });
  if (downloads !== undefined && !withDev) say(downloadLine(downloads));
  mkdirSync(dirname(stampPath), { recursive: true });
  writeFileSync(stampPath, stamp(withDev));
}
