// SPDX-License-Identifier: Apache-2.0
// Models in OCI images: which of three ways, how many, and whether they stand in each other's way.
import { posix } from "node:path";
import { type Container, containerNames, ServalError } from "@serval/api";
import { findContainer, type PodContext, type PodStage, type PodTemplate } from "../context.ts";
import { isMultiModel } from "../multi-model.ts";
import { readersOf } from "../storage/readers.ts";
import { withFetched } from "./fetch.ts";
import { withModelcar } from "./modelcar.ts";
import { withImageVolume } from "./native.ts";
import { type OciSource, ociSourcesOf } from "./scheme.ts";

const maxSources = 10;

const refuse = (message: string, fix: string): ServalError => new ServalError("InvalidStorage", message, { fix });

/** @throws ServalError with KServe's texts when sources cannot stand side by side. */
export function checkSources(sources: readonly OciSource[]): void {
  if (sources.length > maxSources)
    throw refuse(
      `too many OCI sources (${sources.length}); maximum is ${maxSources} per pod`,
      "Put several models into one image",
    );
  const natives = new Set<string>();
  const parents = new Map<string, string>();
  for (const { path, mode } of sources) {
    if (mode === "native") {
      if (natives.has(path))
        throw refuse(
          `OCI mount path "${path}" is specified more than once; each native ImageVolume must have a unique mount path`,
          "Give every source its own mountPath",
        );
      natives.add(path);
      continue;
    }
    if (mode === "fetch") continue;
    const parent = posix.dirname(path);
    const other = parents.get(parent);
    if (other !== undefined)
      throw refuse(
        `OCI mount paths "${other}" and "${path}" share parent directory "${parent}", which would cause volume mount shadowing; use mount paths with distinct parent directories`,
        "For example /mnt/a/models and /mnt/b/models",
      );
    parents.set(parent, path);
  }
}

function withSources(template: PodTemplate, context: PodContext, sources: readonly OciSource[]): PodTemplate {
  const readers = readersOf(template);
  const cars = sources.filter(({ mode }) => mode === "modelcar");
  const carried = cars.reduce(
    (current, source, index) => withModelcar(current, source, { config: context.config, readers, index }),
    template,
  );
  const imaged = sources
    .filter(({ mode }) => mode === "native")
    .reduce((current, source) => withImageVolume(current, source, readers), carried);
  return withFetched(
    imaged,
    sources.filter(({ mode }) => mode === "fetch"),
    context,
  );
}

/** The last of the stages: the agent never gets the modelcar's user. @throws ServalError InvalidStorage. */
export const ociModels: PodStage = (template, context) => {
  const sources = ociSourcesOf(context);
  if (sources.length === 0 || isMultiModel(context)) return template;
  const target: Container | undefined = findContainer(template, containerNames.model, containerNames.worker);
  if (target === undefined)
    throw new ServalError(
      "InvalidPredictorSpec",
      `Invalid configuration: cannot find container: ${containerNames.model}`,
    );
  checkSources(sources);
  return withSources(template, context, sources);
};

export { imageVolumeVerdict } from "./scheme.ts";
