// SPDX-License-Identifier: Apache-2.0
// Several sources at paths of their own: claims are mounted, the others are fetched by one init container into one
// volume at their common parent. Source: KServe CommonStorageInitialization, the plural branch.
import { commonParent, modelMountPath, ServalError } from "@serval/api";
import { type PodContext, type PodStage, type PodTemplate, withSpec } from "../context.ts";
import { isOci, ociModeOf } from "../oci/scheme.ts";
import { addVolumes, withMount } from "../parts.ts";
import { initializer } from "./initializer.ts";
import { isReadOnly, mounted, readersOf, volumeNameOf } from "./readers.ts";
import { fittingContainer, namedContainer } from "./storage-container.ts";

export interface Source {
  readonly uri: string;
  readonly path: string;
}

export const sourcesOf = ({ component }: Pick<PodContext, "component">): Source[] =>
  (component.storageUris ?? []).map(({ uri, mountPath = modelMountPath }) => ({ uri, path: mountPath }));

/** KServe: the whole claim is mounted, a path behind its name is ignored; ours mounts what the URI says. */
function withClaim(template: PodTemplate, { uri, path }: Source, readOnly: boolean): PodTemplate {
  const [claimName = "", ...segments] = uri.slice("pvc://".length).split("/");
  const subPath = segments.join("/");
  const name = volumeNameOf(path);
  const mount = { name, mountPath: path, readOnly, ...(subPath === "" ? {} : { subPath }) };
  return addVolumes(mounted(template, mount), [{ name, persistentVolumeClaim: { claimName } }]);
}

function fetched(template: PodTemplate, context: PodContext, sources: readonly Source[]): PodTemplate {
  const [first] = sources;
  if (first === undefined) return template;
  const { component, facts } = context;
  const asked = "storageContainerName" in component ? component.storageContainerName : undefined;
  const over =
    asked === undefined || asked === ""
      ? fittingContainer(first.uri, facts.storageContainers)
      : namedContainer(asked, first.uri, facts.storageContainers);
  if (over !== undefined && over.spec.supportsMultiModelDownload !== true)
    throw new ServalError(
      "StorageContainerNotUsable",
      `storage container "${over.spec.container.name}" does not support multi-model download; use the default kserve storage initializer or a compatible storage container`,
    );
  const args = sources.flatMap(({ uri, path }) => [uri, path]);
  const { container, volumes } = initializer({ args, over }, context);
  const path = commonParent(sources.map((source) => source.path));
  const name = volumeNameOf(path);
  const mount = { name, mountPath: path };
  const read = mounted(template, { ...mount, readOnly: isReadOnly(context) });
  const init = (container.volumeMounts ?? []).reduce(withMount, { ...container, volumeMounts: [mount] });
  return addVolumes(withSpec(read, { initContainers: [...(read.spec.initContainers ?? []), init] }), [
    { name, emptyDir: {} },
    ...volumes,
  ]);
}

/** OCI sources are left to their own stage. @throws ServalError when a source cannot be brought in as asked. */
export const storageUris: PodStage = (template, context) => {
  const sources = sourcesOf(context);
  if (sources.length === 0) return template;
  readersOf(template);
  const isClaim = ({ uri }: Source): boolean => uri.startsWith("pvc://");
  const isLeft = ({ uri }: Source): boolean => isOci(uri) && ociModeOf(uri, context.config) !== undefined;
  const claimed = sources
    .filter(isClaim)
    .reduce((current, source) => withClaim(current, source, isReadOnly(context)), template);
  return fetched(
    claimed,
    context,
    sources.filter((source) => !isClaim(source) && !isLeft(source)),
  );
};
