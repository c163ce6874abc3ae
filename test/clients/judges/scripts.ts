// SPDX-License-Identifier: Apache-2.0
// Argo CD's health scripts for KServe's kinds, and the cases that it tests them with. They are Argo CD's and not kept in
// this repository: Go's module proxy has every release, checked by its checksum database, and only the folder of
// KServe's group is kept, in the project's cache folder.
import { execFile } from "node:child_process";
import { createWriteStream, existsSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import yauzl from "yauzl";
import { cacheFolder } from "../../cache-folder.ts";

const run = promisify(execFile);

/**
 * One release for each text that the check of an InferenceService has had, with what it was first in:
 * v2.8.0 (the first with a check); v2.12.0 (argo-cd#18340, raw mode); v2.13.0 (argo-cd#20142, modelStatus);
 * v3.3.0 (argo-cd#25312, Stopped; also in late patches of v3.1 and v3.2). v3.6.1 still has that text, and one for the
 * LLMInferenceService (argo-cd#29620).
 */
export const argoVersions = ["v2.8.0", "v2.12.6", "v2.13.9", "v3.6.1"] as const;

/** Holds VERSION/GROUP/KIND/health.lua. */
export const scriptsFolder = (): string => join(cacheFolder(), "argo-cd-scripts");

/** The folder with the scripts of every version; `skip: why` where they cannot be had. */
export async function argoScripts(): Promise<string> {
  const folder = scriptsFolder();
  for (const version of argoVersions) {
    if (existsSync(join(folder, version))) continue;
    try {
      await fetchScripts(version, folder);
    } catch (error) {
      return `skip:the scripts of Argo CD ${version} cannot be had here: ${(error as Error).message.split("\n")[0]}`;
    }
  }
  return folder;
}

/** A release is 20 to 60 MB, several hundred unpacked: it gets a module cache of its own, which goes at once. */
async function fetchScripts(version: string, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const scratch = await mkdtemp(join(folder, ".fetch-"));
  try {
    await unpack(await download(version, scratch), join(scratch, version));
    // Another test may have fetched them meanwhile.
    await rename(join(scratch, version), join(folder, version)).catch((error: unknown) => {
      if (!existsSync(join(folder, version))) throw error;
    });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** The archive, as Go has checked it. A release that wants a newer Go is fetched and checked, only not unpacked. */
async function download(version: string, scratch: string): Promise<string> {
  const modules = { GOMODCACHE: join(scratch, "modules"), GOFLAGS: "-modcacherw", GOTOOLCHAIN: "local", GOWORK: "off" };
  const options = { cwd: scratch, env: { ...process.env, ...modules }, timeout: 240_000 };
  const module = `github.com/argoproj/argo-cd/${version.split(".")[0]}@${version}`;
  const ended = await run("go", ["mod", "download", "-json", module], options).catch((error: unknown) => error);
  const { stdout = "", message = "" } = ended as { stdout?: string; message?: string };
  const {
    Zip,
    Sum,
    Error: why = message,
  } = JSON.parse(stdout || "{}") as { Zip?: string; Sum?: string; Error?: string };
  if (Zip === undefined || Sum === undefined) throw new Error(why);
  return Zip;
}

/** The files of KServe's group, with their folders from the group on. */
async function unpack(archive: string, target: string): Promise<void> {
  const zip = await yauzl.openPromise(archive);
  try {
    for await (const entry of zip.eachEntry()) {
      const [, path] = /\/resource_customizations\/(serving\.kserve\.io\/.*[^/])$/.exec(entry.fileName) ?? [];
      if (path === undefined) continue;
      await mkdir(dirname(join(target, path)), { recursive: true });
      await pipeline(await zip.openReadStreamPromise(entry), createWriteStream(join(target, path)));
    }
  } finally {
    zip.close();
  }
}
