// SPDX-License-Identifier: Apache-2.0
// Which images there are, as data: names, layers and what each starts. Pure.
import { imagesIn } from "@serval/api";

export type ImageId = "serval" | "storage-initializer" | "serval-model-server";
export type IngredientName = "system" | "node" | "engine-onnx" | "engine-llama" | "application";

interface ImageRecipe {
  readonly id: ImageId;
  readonly title: string;
  /** From the most seldom changed to the most often changed one. */
  readonly ingredients: readonly IngredientName[];
  readonly arguments: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

const plain = ["system", "node", "application"] as const;

export const imageRecipes: readonly ImageRecipe[] = [
  { id: "serval", title: "Serval: operator, gateway and command line", ingredients: plain, arguments: [] },
  { id: "storage-initializer", title: "Serval: storage initializer", ingredients: plain, arguments: ["fetch"] },
  {
    id: "serval-model-server",
    title: "Serval: model server",
    ingredients: ["system", "node", "engine-onnx", "engine-llama", "application"],
    arguments: ["serve"],
    env: { SERVAL_CACHE_DIR: "/opt/serval/cache", SERVAL_HOST: "0.0.0.0", ORT_DISABLE_TELEMETRY: "1" },
  },
];

export interface PlannedImage extends ImageRecipe {
  /** With registry, repository and tag, as a container runtime stores it. */
  readonly name: string;
}

/** A name without a registry means Docker Hub's, for every container runtime. */
export function qualified(name: string): string {
  const [first = "", ...rest] = name.split("/");
  const hasRegistry = rest.length > 0 && /[.:]|^localhost$/.test(first);
  if (hasRegistry) return name;
  return rest.length > 0 ? `docker.io/${name}` : `docker.io/library/${name}`;
}

/** `kserve/sklearnserver:v0.20.0=sklearn`: a further name, and the image or the model server's framework behind it. */
export interface Alias {
  readonly name: string;
  readonly target: string;
}

/** @throws Error for text without a name, a tag or a target. */
export function parseAlias(text: string): Alias {
  const found = /^([^=\s]+:[^=/\s]+)=([\w.-]+)$/.exec(text);
  if (found === null)
    throw new Error(
      `Cannot read --alias "${text}"\nFix: write NAME:TAG=FRAMEWORK or NAME:TAG=IMAGE, as in kserve/sklearnserver:v0.20.0=sklearn`,
    );
  return { name: found[1]!, target: found[2]! };
}

function aliasImage({ name, target }: Alias): PlannedImage {
  const own = imageRecipes.find(({ id }) => id === target);
  if (own !== undefined) return { ...own, name: qualified(name) };
  const server = imageRecipes.find(({ id }) => id === "serval-model-server")!;
  // Before the container's own arguments, so that these decide where they name a framework too.
  return { ...server, arguments: [...server.arguments, `--framework=${target}`], name: qualified(name) };
}

export interface PlanOptions {
  readonly repository: string;
  readonly tag: string;
  readonly aliases: readonly Alias[];
  /** Empty: all. */
  readonly only: readonly ImageId[];
}

/** Every image with its name; aliases stand behind the image whose layers they share. */
export function planImages({ repository, tag, aliases, only }: PlanOptions): PlannedImage[] {
  const names = imagesIn(repository, tag);
  const nameOf: Readonly<Record<ImageId, string>> = {
    serval: names.serval,
    "storage-initializer": names.storageInitializer,
    "serval-model-server": names.modelServer,
  };
  const further = aliases.map(aliasImage);
  return imageRecipes
    .filter(({ id }) => only.length === 0 || only.includes(id))
    .flatMap((recipe) => [
      { ...recipe, name: qualified(nameOf[recipe.id]) },
      ...further.filter(({ id }) => id === recipe.id),
    ]);
}
