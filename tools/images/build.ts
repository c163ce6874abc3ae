// SPDX-License-Identifier: Apache-2.0
// From the plan to images: gathers what each layer is made of, packs it, adds the bill of materials as the last layer.
import { join } from "node:path";
import { applicationIngredient } from "./application.ts";
import type { Ingredient } from "./component.ts";
import { engineIngredient } from "./engines.ts";
import { assembleImage, type Image, type Provenance } from "./image.ts";
import { buildLayer, type Layer } from "./layer.ts";
import { nodeIngredient } from "./node.ts";
import type { IngredientName, PlannedImage } from "./plan.ts";
import type { Platform } from "./platform.ts";
import { sbomOf } from "./sbom.ts";
import { systemIngredient } from "./system.ts";
import { textFile } from "./tree.ts";

export interface BuildOptions {
  readonly root: string;
  readonly platform: Platform;
  /** Serval's cache folder: engines are there already where a home has fetched them. */
  readonly servalCache: string;
  readonly provenance: Provenance;
  readonly say: (line: string) => void;
}

export interface BuiltImage {
  readonly planned: PlannedImage;
  readonly image: Image;
  readonly sbom: string;
}

function gather(name: IngredientName, options: BuildOptions & { cacheDir: string }): Promise<Ingredient> {
  switch (name) {
    case "system":
      return systemIngredient(options);
    case "node":
      return nodeIngredient(options);
    case "engine-onnx":
      return engineIngredient("onnx", options);
    case "engine-llama":
      return engineIngredient("llama", options);
    case "application":
      return applicationIngredient(options.root, options.cacheDir);
  }
}

type Packed = Ingredient & { readonly layer: Layer };

/** @returns the images in the order of the plan. */
export async function buildImages(plan: readonly PlannedImage[], options: BuildOptions): Promise<BuiltImage[]> {
  const cacheDir = join(options.servalCache, "images");
  const packed = new Map<IngredientName, Packed>();
  for (const name of new Set(plan.flatMap(({ ingredients }) => ingredients))) {
    const ingredient = await gather(name, { ...options, cacheDir });
    // Layers of platforms differ in their content, so one folder holds all.
    packed.set(name, { ...ingredient, layer: await buildLayer({ ...ingredient, cacheDir }) });
  }
  const { version } = options.provenance;
  const built: BuiltImage[] = [];
  for (const planned of plan) {
    const parts = planned.ingredients.map((name) => packed.get(name)!);
    const sbom = sbomOf({ image: planned.id, version, components: parts.flatMap(({ components }) => components) });
    const entries = [textFile("usr/share/doc/serval/sbom.cdx.json", sbom)];
    const last = await buildLayer({ name: "sbom", entries, cacheDir });
    const layers = [...parts.map(({ layer }) => layer), last];
    built.push({ planned, sbom, image: assembleImage(planned, { ...options, layers }) });
  }
  return built;
}
