// SPDX-License-Identifier: Apache-2.0
// How the one model of a component gets into its pod: a claim is mounted, everything else is fetched.
// Source: KServe InjectStorageInitializer.
import { containerNames, modelMountPath } from "@serval/api";
import { type PodContext, type PodStage, type PodTemplate, withSpec } from "../context.ts";
import { isMultiModel } from "../multi-model.ts";
import { ociSourcesOf } from "../oci/scheme.ts";
import { addVolumes, withMount } from "../parts.ts";
import { initializer } from "./initializer.ts";
import { cachedUri } from "./local-model.ts";
import { isReadOnly, mounted, readersOf, withLocalSources } from "./readers.ts";
import { fittingContainer, namedContainer } from "./storage-container.ts";

const provisionVolume = "kserve-provision-location";
const claimVolume = "kserve-pvc-source";

function claimMounted(template: PodTemplate, context: PodContext, uri: string): PodTemplate {
  const [claimName = "", ...path] = uri.slice("pvc://".length).split("/");
  const subPath = path.join("/");
  const mount = {
    name: claimVolume,
    mountPath: modelMountPath,
    readOnly: isReadOnly(context),
    ...(subPath === "" ? {} : { subPath }),
  };
  return addVolumes(mounted(template, mount), [{ name: claimVolume, persistentVolumeClaim: { claimName } }]);
}

function fetched(template: PodTemplate, context: PodContext, uri: string): PodTemplate {
  const { storageContainers } = context.facts;
  const name = "storageContainerName" in context.component ? context.component.storageContainerName : undefined;
  const over =
    name === undefined || name === ""
      ? fittingContainer(uri, storageContainers)
      : namedContainer(name, uri, storageContainers);
  const { container, volumes } = initializer({ args: [uri, modelMountPath], over }, context);
  const mount = { name: provisionVolume, mountPath: modelMountPath };
  const read = mounted(template, { ...mount, readOnly: isReadOnly(context) });
  // KServe: the model's mount stands before those of the credentials.
  const [first, ...others] = [mount, ...(container.volumeMounts ?? [])];
  const init = others.reduce(withMount, { ...container, volumeMounts: first === undefined ? [] : [first] });
  return addVolumes(withSpec(read, { initContainers: [...(read.spec.initContainers ?? []), init] }), [
    { name: provisionVolume, emptyDir: {} },
    ...volumes,
  ]);
}

/** @throws ServalError when no container reads the model, or when it cannot be fetched as asked. */
export const storageUri: PodStage = (template, context) => {
  const given = context.sourceUri;
  if (given === undefined || given === "" || isMultiModel(context)) return template;
  const uri = cachedUri(given, context.isvc);
  if (ociSourcesOf(context).length > 0) return template;
  readersOf(template);
  if (uri.startsWith("pvc://")) return withLocalSources(claimMounted(template, context, uri));
  if (template.spec.initContainers?.some(({ name }) => name === containerNames.storageInitializer) === true)
    return template;
  return withLocalSources(fetched(template, context, uri));
};
