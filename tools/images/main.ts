// SPDX-License-Identifier: Apache-2.0
// `npm run images`: the images of this release, built without a container engine.
import { mkdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { cacheDir } from "../pinned-node.mjs";
import { writeArchive } from "./archive.ts";
import { type BuiltImage, buildImages } from "./build.ts";
import { basicCredentials } from "./credentials.ts";
import { type ImageFlags, parseFlags, usage } from "./flags.ts";
import { planImages } from "./plan.ts";
import { provenanceOf } from "./provenance.ts";
import { destination, pushImage } from "./registry.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const say = (line: string): void => console.log(line);

/** One archive per image, with the aliases that share its layers; one SBOM beside it. */
async function write(built: readonly BuiltImage[], { out, tag, platform }: ImageFlags): Promise<void> {
  await mkdir(out, { recursive: true });
  for (const id of new Set(built.map(({ planned }) => planned.id))) {
    const group = built.filter(({ planned }) => planned.id === id);
    const base = join(out, `${id}-${tag}-linux-${platform.architecture}`);
    await writeArchive(
      `${base}.tar`,
      group.map(({ image }) => image),
    );
    await writeFile(`${base}.cdx.json`, group[0]!.sbom);
    const { size } = await stat(`${base}.tar`);
    say(`${base}.tar  ${(size / 1e6).toFixed(1)} MB`);
    for (const { image } of group) say(`  ${image.name}  ${image.manifest.descriptor.digest}`);
  }
}

async function push(built: readonly BuiltImage[], registry: string): Promise<void> {
  const basic = await basicCredentials(destination("docker.io/any:tag", registry).host, process.env);
  for (const { image } of built) await pushImage(image, { registry, basic, say });
}

async function main(args: readonly string[]): Promise<void> {
  const flags = parseFlags(args);
  if (flags.help) return say(usage);
  const provenance = await provenanceOf(root, process.env);
  const options = { root, platform: flags.platform, servalCache: cacheDir(), provenance, say };
  const built = await buildImages(planImages(flags), options);
  await write(built, flags);
  if (flags.push !== undefined) await push(built, flags.push);
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
