// SPDX-License-Identifier: Apache-2.0
// The command line of `npm run images`. Pure.
import { parseArgs } from "node:util";
import { release } from "@serval/api";
import { type Alias, type ImageId, imageRecipes, parseAlias } from "./plan.ts";
import { type Platform, platformOf } from "./platform.ts";

export const usage = `Usage: npm run images -- [FLAGS]

Builds the images of this release without a container engine: one archive each, for ctr, docker and podman.

Flags:
  --out DIR            Where archives and their SBOMs go (default: dist/images)
  --repository R       Registry and path before the images' names (default: serval, which means docker.io/serval)
  --tag T              Tag (default: v${release})
  --platform P         linux/amd64 or linux/arm64 (default: this machine's)
  --only NAME,NAME     Of ${imageRecipes.map(({ id }) => id).join(", ")} (default: all)
  --alias NAME:TAG=X   A further name; X: an image of these, or a framework of the model server. Repeatable
  --push REGISTRY      Also push to HOST[:PORT][/PATH], with the credentials of REGISTRY_USER and REGISTRY_PASSWORD or of
                       docker login
`;

export interface ImageFlags {
  readonly out: string;
  readonly repository: string;
  readonly tag: string;
  readonly platform: Platform;
  readonly only: readonly ImageId[];
  readonly aliases: readonly Alias[];
  /** HOST[:PORT][/PATH]; undefined: nothing is pushed. */
  readonly push: string | undefined;
  readonly help: boolean;
}

const options = {
  out: { type: "string", default: "dist/images" },
  repository: { type: "string", default: "serval" },
  tag: { type: "string", default: `v${release}` },
  platform: { type: "string", default: `linux/${process.arch === "x64" ? "amd64" : process.arch}` },
  only: { type: "string", default: "" },
  alias: { type: "string", multiple: true, default: [] as string[] },
  push: { type: "string" },
  help: { type: "boolean", short: "h", default: false },
} as const;

function imageId(text: string): ImageId {
  const found = imageRecipes.find(({ id }) => id === text);
  if (found !== undefined) return found.id;
  throw new Error(`Cannot build the image "${text}"\nFix: use one of ${imageRecipes.map(({ id }) => id).join(", ")}`);
}

/** @throws Error that says what is wrong and what is possible. */
export function parseFlags(args: readonly string[]): ImageFlags {
  const { values } = parseArgs({ args: [...args], options, strict: true });
  const { out, repository, tag, push, help } = values;
  if (!/^[\w][\w.-]{0,127}$/.test(tag))
    throw new Error(`Cannot use --tag "${tag}"\nFix: use letters, digits, dots, dashes and underscores`);
  if (!/^[a-z0-9][a-z0-9._:/-]*[a-z0-9]$/.test(repository))
    throw new Error(
      `Cannot use --repository "${repository}"\nFix: write REGISTRY/PATH in small letters, without a tag`,
    );
  return {
    out,
    repository,
    tag,
    push,
    help,
    platform: platformOf(values.platform),
    only: values.only === "" ? [] : values.only.split(",").map(imageId),
    aliases: values.alias.map(parseAlias),
  };
}
