// SPDX-License-Identifier: Apache-2.0
// The images that pods of the tests run: the project's own, built as `npm run images` builds them, and a tiny pause.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { writeArchive } from "../../../tools/images/archive.ts";
import { configMediaType, jsonBlob, manifestMediaType } from "../../../tools/images/image.ts";
import { buildLayer, layerMediaType } from "../../../tools/images/layer.ts";
import { platformOf } from "../../../tools/images/platform.ts";
import { cacheDir } from "../../cluster/kube-apiserver.ts";
import { pauseImage } from "./layout.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const platform = platformOf(`linux/${process.arch === "x64" ? "amd64" : process.arch}`);
/** Names of KServe's own images that are served here by ours: the runtimes' objects stay as they are. */
const aliases: readonly string[] = ["kserve/sklearnserver:v0.20.0=sklearn", "kserve/xgbserver:v0.20.0=xgboost"];

export interface ProgramImage {
  /** With its registry and tag. */
  readonly image: string;
  /** Of the command inside, at the root. */
  readonly name: string;
  /** A static executable of this machine. */
  readonly program: string;
}

/** An image of one program and nothing else, in `out`. @returns the archive's path. */
export async function programArchive({ image, name, program }: ProgramImage, out: string): Promise<string> {
  const layer = await buildLayer({
    name,
    entries: [{ path: name, kind: "file", isExecutable: true, content: program }],
    cacheDir: join(cacheDir(), "images"),
  });
  const config = jsonBlob(configMediaType, {
    architecture: platform.architecture,
    os: "linux",
    config: { User: "65535:65535", Entrypoint: [`/${name}`] },
    rootfs: { type: "layers", diff_ids: [layer.diffId] },
  });
  const manifest = jsonBlob(manifestMediaType, {
    schemaVersion: 2,
    mediaType: manifestMediaType,
    config: config.descriptor,
    layers: [{ mediaType: layerMediaType, digest: layer.digest, size: layer.sizeBytes }],
  });
  const file = join(out, `${name}.tar`);
  await writeArchive(file, [{ name: image, platform, config, manifest, layers: [layer] }]);
  return file;
}

/** @throws Error when the build fails; it has said why. */
async function buildOwn(out: string): Promise<void> {
  const args = [join(root, "tools/images/main.ts"), "--out", out, ...aliases.flatMap((alias) => ["--alias", alias])];
  const flags = ["--disable-warning=ExperimentalWarning"];
  const child = spawn(process.execPath, [...flags, ...args], { cwd: root, stdio: ["ignore", "ignore", "inherit"] });
  const [code] = (await once(child, "exit")) as [number | null];
  if (code !== 0) throw new Error("The images cannot be built: run `npm run images` to see why");
}

/** Archives of all images, current with the sources. */
export async function imageArchives(others: string): Promise<string[]> {
  const out = join(cacheDir(), "cluster-images");
  await mkdir(out, { recursive: true });
  await Promise.all([
    programArchive({ image: pauseImage, name: "pause", program: join(others, "pause") }, out),
    buildOwn(out),
  ]);
  return (await readdir(out)).filter((name) => name.endsWith(".tar")).map((name) => join(out, name));
}
