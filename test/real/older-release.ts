// SPDX-License-Identifier: Apache-2.0
// A release before this one, to upgrade from: the present sources with an older version in them and one field less in the
// InferenceService, built as images with a tag of their own.
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { imagesIn } from "@serval/api";
import { stringify } from "yaml";
import { installObjects } from "../../packages/cli/src/install/objects.ts";
import { defaultInstallOptions } from "../../packages/cli/src/install/options.ts";
import { writeArchive } from "../../tools/images/archive.ts";
import { buildImages } from "../../tools/images/build.ts";
import { type ImageId, planImages } from "../../tools/images/plan.ts";
import { platformOf } from "../../tools/images/platform.ts";
import { cacheDir } from "../cluster/kube-apiserver.ts";
import { root } from "./cluster.ts";

const run = promisify(execFile);

export const olderVersion = "0.0.9";
const tag = `v${olderVersion}`;
/** Below `spec.predictor.model` of an InferenceService. */
export const newerField = "confidential";

const edits: ReadonlyArray<readonly [file: string, from: RegExp, to: string]> = [
  ["packages/api/src/release.ts", /(export const release = )"[^"]+"/, `$1"${olderVersion}"`],
  [
    "packages/api/src/serving/v1beta1/inference-service/schema.ts",
    new RegExp(`^  ${newerField}: optional.*\\n`, "m"),
    "",
  ],
];

async function edit(copy: string): Promise<void> {
  for (const [file, from, to] of edits) {
    const path = join(copy, file);
    const text = await readFile(path, "utf8");
    if (!from.test(text)) throw new Error(`${file} has no ${String(from)} to change`);
    // The copy shares its files with the original: a new one, never a write into the old.
    await rm(path);
    await writeFile(path, text.replace(from, to));
  }
}

interface Build {
  readonly from: string;
  readonly only: ImageId;
  readonly archive: string;
}

async function build({ from, only, archive }: Build): Promise<string> {
  const plan = planImages({ repository: "serval", tag, aliases: [], only: [only] });
  const built = await buildImages(plan, {
    root: from,
    platform: platformOf("linux/amd64"),
    servalCache: cacheDir(),
    provenance: { version: olderVersion, revision: undefined, created: "1970-01-01T00:00:00Z" },
    say: () => {},
  });
  await writeArchive(
    archive,
    built.map(({ image }) => image),
  );
  return archive;
}

/** @returns archives of its images. The model server is today's under the older tag. */
export async function olderArchives(): Promise<string[]> {
  const copy = await mkdtemp(join(tmpdir(), "serval-older-"));
  try {
    for (const name of ["packages", "node_modules", "package-lock.json", "LICENSE"])
      await run("cp", ["-al", join(root, name), copy]);
    await edit(copy);
    const out = join(cacheDir(), "cluster-images");
    return [
      await build({ from: copy, only: "serval", archive: join(out, "older-serval.archive") }),
      await build({ from: root, only: "serval-model-server", archive: join(out, "older-model-server.archive") }),
    ];
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}

/** Its deploy/serval.yaml. */
export const olderManifest = (): string =>
  installObjects({ ...defaultInstallOptions, images: imagesIn("serval", tag) })
    .map((object) => stringify(object, { aliasDuplicateObjects: false }))
    .join("---\n");
