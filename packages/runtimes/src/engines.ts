// SPDX-License-Identifier: Apache-2.0
// Heavy engines (ONNX Runtime, llama.cpp) are fetched from the npm registry when the first model needs one, like an
// image: once, into the cache folder, pinned by the lockfiles in ../engines, without install scripts; offline afterwards.
import { spawn } from "node:child_process";
import { copyFile, mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { ModelError } from "./model.ts";

export type EngineName = "onnx" | "llama";

export interface EngineProgress {
  readonly message: string;
  /** Bytes on disk so far, of about `expectedBytes`. */
  readonly receivedBytes?: number;
  readonly expectedBytes?: number;
}

export interface EngineOptions {
  readonly cacheDir: string;
  readonly onProgress?: (progress: EngineProgress) => void;
  /** How npm is started; by default the npm on the PATH. */
  readonly npm?: readonly string[];
}

interface Engine {
  readonly version: string;
  readonly packedMegabytes: number;
  readonly unpackedBytes: number;
  /** The native package of this platform, which the main package declares as one optional among many GPU variants. */
  readonly native: ((platform: string, arch: string) => string | undefined) | undefined;
  /** Parts that are never used at run time, removed after the installation to save disk. */
  readonly prune: (platform: string, arch: string) => readonly string[];
}

const llamaNative: Readonly<Record<string, string>> = {
  "linux-x64": "@node-llama-cpp/linux-x64",
  "linux-arm64": "@node-llama-cpp/linux-arm64",
  "darwin-arm64": "@node-llama-cpp/mac-arm64-metal",
  "darwin-x64": "@node-llama-cpp/mac-x64",
  "win32-x64": "@node-llama-cpp/win-x64",
  "win32-arm64": "@node-llama-cpp/win-arm64",
};

/** ONNX Runtime's one package holds the binaries of every platform. */
const onnxOthers = (platform: string, arch: string): readonly string[] =>
  ["darwin/arm64", "darwin/x64", "linux/arm64", "linux/x64", "win32/arm64", "win32/x64"]
    .filter((other) => other !== `${platform}/${arch}`)
    .map((other) => `onnxruntime-node/bin/napi-v6/${other}`);

const engines: Readonly<Record<EngineName, Engine>> = {
  llama: {
    version: "3.22.1",
    packedMegabytes: 55,
    unpackedBytes: 85_000_000,
    native: (platform, arch) => llamaNative[`${platform}-${arch}`],
    prune: () => ["node-llama-cpp/llama/gitRelease.bundle", "node-llama-cpp/templates"],
  },
  onnx: { version: "1.30.0", packedMegabytes: 115, unpackedBytes: 290_000_000, native: undefined, prune: onnxOthers },
};

/** Parts of an engine's node_modules that this platform has no use for. */
export const otherPlatforms = (name: EngineName, platform: string, arch: string): readonly string[] =>
  engines[name].prune(platform, arch);

export const engineDir = (name: EngineName, cacheDir: string): string =>
  join(cacheDir, "engines", `${name}-${engines[name].version}`);

/** The folder that holds the engine's node_modules; installs it first where it is missing. */
export async function ensureEngine(name: EngineName, options: EngineOptions): Promise<{ dir: string }> {
  const dir = engineDir(name, options.cacheDir);
  while (!(await exists(dir))) {
    await mkdir(join(options.cacheDir, "engines"), { recursive: true });
    const lock = `${dir}.lock`;
    if (await takeLock(lock)) {
      try {
        if (!(await exists(dir))) await install(name, dir, options);
      } finally {
        await rm(lock, { force: true });
      }
    } else {
      options.onProgress?.({ message: `waiting for another process that fetches the engine ${name}` });
      await delay(300);
    }
  }
  return { dir };
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/** The lock file holds the owner's process id; a lock of a process that is gone is taken over. */
async function takeLock(path: string): Promise<boolean> {
  try {
    const file = await open(path, "wx");
    await file.writeFile(String(process.pid));
    await file.close();
    return true;
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  }
  const text = await readFile(path, "utf8").catch(() => "");
  const owner = Number(text);
  const age = await stat(path).then(
    ({ mtimeMs }) => Date.now() - mtimeMs,
    () => 0,
  );
  if (text === "" ? age > 5_000 : owner > 0 && !alive(owner)) await rm(path, { force: true });
  return false;
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

async function install(name: EngineName, dir: string, options: EngineOptions): Promise<void> {
  const { version, packedMegabytes, native, prune } = engines[name];
  const platformPackage = native?.(process.platform, process.arch);
  if (native !== undefined && platformPackage === undefined) {
    throw new ModelError(
      `Cannot fetch the engine ${name}: there is no build of it for ${process.platform}-${process.arch}; serve this model on a cluster`,
    );
  }
  const staging = `${dir}.tmp-${process.pid}`;
  await rm(staging, { recursive: true, force: true });
  await mkdir(staging, { recursive: true });
  options.onProgress?.({
    message: `fetching the engine ${name} ${version} (about ${packedMegabytes} MB, once)`,
    receivedBytes: 0,
    expectedBytes: engines[name].unpackedBytes,
  });
  const watch = watchSize(name, staging, options);
  try {
    const source = fileURLToPath(new URL(`../engines/${name}/`, import.meta.url));
    for (const file of ["package.json", "package-lock.json"]) await copyFile(join(source, file), join(staging, file));
    // Not `npm ci`: it refuses a lockfile made where a registry lacks the optional packages of other platforms.
    await npm(name, ["install", "--no-save", "--omit=optional"], staging, options);
    if (platformPackage !== undefined) {
      await npm(name, ["install", "--no-save", "--omit=optional", `${platformPackage}@${version}`], staging, options);
      await checkIntegrity(name, staging, platformPackage);
    }
    for (const path of prune(process.platform, process.arch))
      await rm(join(staging, "node_modules", path), { recursive: true, force: true });
    await rename(staging, dir);
    options.onProgress?.({ message: `the engine ${name} ${version} is ready` });
  } finally {
    watch.stop();
    await rm(staging, { recursive: true, force: true });
  }
}

/** The native package comes in a second step; what npm unpacked must be what the lockfile pins. */
async function checkIntegrity(name: EngineName, staging: string, platformPackage: string): Promise<void> {
  const read = async (file: string): Promise<string | undefined> => {
    const lock = JSON.parse(await readFile(join(staging, file), "utf8")) as {
      packages: Record<string, { integrity?: string }>;
    };
    return lock.packages[`node_modules/${platformPackage}`]?.integrity;
  };
  const [pinned, installed] = [await read("package-lock.json"), await read("node_modules/.package-lock.json")];
  // Platforms that the lockfile does not know rest on the registry's own checksum of the exact version.
  if (pinned === undefined || pinned === installed) return;
  throw new ModelError(
    `Cannot fetch the engine ${name}: ${platformPackage} from the registry is not the package that is pinned (integrity ${installed ?? "unknown"}); check the registry that npm is configured with`,
  );
}

function npm(
  name: EngineName,
  args: readonly string[],
  cwd: string,
  { npm: command = ["npm"] }: EngineOptions,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", "--workspaces=false"];
    const child = spawn(command[0]!, [...command.slice(1), ...args, ...quiet], {
      cwd,
      stdio: ["ignore", "ignore", "pipe"],
      shell: process.platform === "win32",
    });
    let errors = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      errors = `${errors}${text}`.slice(-2000);
    });
    child.on("error", (error) =>
      reject(
        new ModelError(
          `Cannot fetch the engine ${name}: npm did not start (${error.message}); install npm, or put it on the PATH`,
        ),
      ),
    );
    child.on("close", (code) => {
      if (code === 0) return resolve();
      const reason = errors
        .split("\n")
        .map((line) => line.replace(/^npm error\s*/, ""))
        .filter((line) => line.trim() !== "")
        .slice(0, 3)
        .join(" ")
        .replaceAll(/\/\/[^@\s/]*@/g, "//***@");
      reject(
        new ModelError(
          `Cannot fetch the engine ${name}: npm ${args[0]} ended with code ${code} (${reason || "no message"}); check the network and npm's registry setting, then try again`,
        ),
      );
    });
  });
}

/** npm shows no bytes; the growth of the folder is what a user can watch. */
function watchSize(name: EngineName, folder: string, { onProgress }: EngineOptions): { stop(): void } {
  if (onProgress === undefined) return { stop: () => undefined };
  const { version, unpackedBytes } = engines[name];
  let measuring = false;
  const timer = setInterval(() => {
    if (measuring) return;
    measuring = true;
    sizeOf(folder)
      .then((receivedBytes) =>
        onProgress({ message: `fetching the engine ${name} ${version}`, receivedBytes, expectedBytes: unpackedBytes }),
      )
      .catch(() => undefined) // The folder is renamed or removed while it is measured: nothing to report.
      .finally(() => {
        measuring = false;
      });
  }, 1000);
  return { stop: () => clearInterval(timer) };
}

async function sizeOf(folder: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    if (entry.isFile())
      bytes += await stat(join(entry.parentPath, entry.name)).then(
        ({ size }) => size,
        () => 0,
      );
  }
  return bytes;
}
