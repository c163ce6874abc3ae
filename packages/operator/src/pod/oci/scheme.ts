// SPDX-License-Identifier: Apache-2.0
// Which way a model in an OCI image comes into the pod: by its scheme, else by the configuration. Pure.
// Source: KServe ParseOciScheme, effective OCI mode.
import { modelMountPath, type ServingConfig } from "@serval/api";
import type { PodContext } from "../context.ts";

export type OciMode = "modelcar" | "native" | "fetch";

const scheme = /^oci(?:\+(modelcar|native|fetch))?:\/\//;

export const isOci = (uri: string): boolean => scheme.test(uri);
/** Without scheme: what a container engine calls it. */
export const imageOf = (uri: string): string => uri.replace(scheme, "");

/** What bare `oci://` means; undefined: nothing, the storage initializer is handed the URI. */
export function configuredMode({ storageInitializer }: ServingConfig): OciMode | undefined {
  const { ociModelMode, enableModelcar, enableOciModelSupport } = storageInitializer;
  if (ociModelMode !== "") return ociModelMode as OciMode;
  return enableModelcar || enableOciModelSupport ? "modelcar" : undefined;
}

/** KServe: with OCI models switched off a scheme that names its way counts for nothing either. */
export function ociModeOf(uri: string, config: ServingConfig): OciMode | undefined {
  const found = scheme.exec(uri);
  const configured = configuredMode(config);
  if (found === null || configured === undefined) return undefined;
  return (found[1] as OciMode | undefined) ?? configured;
}

export interface OciSource {
  readonly image: string;
  readonly path: string;
  readonly mode: OciMode;
}

/** The OCI models of a component, singular or plural. */
export function ociSourcesOf({ sourceUri, component, config }: PodContext): OciSource[] {
  const single = sourceUri === undefined ? [] : [{ uri: sourceUri, mountPath: modelMountPath }];
  return [...single, ...(component.storageUris ?? [])].flatMap(({ uri, mountPath = modelMountPath }) => {
    const mode = ociModeOf(uri, config);
    return mode === undefined ? [] : [{ image: imageOf(uri), path: mountPath, mode }];
  });
}

export type ImageVolumeVerdict = { readonly isCompatible: boolean; readonly message: string };

/** When image volumes are on without a feature gate. */
const imageVolumeMinor = 35;
/** When they exist behind one. */
const gatedMinor = 31;

/**
 * Can the cluster mount images as volumes? undefined: no model of these needs it, or the version is not known.
 * Source: Kubernetes' feature gate ImageVolume.
 */
export function imageVolumeVerdict(
  uris: readonly string[],
  config: ServingConfig,
  minor: number | undefined,
): ImageVolumeVerdict | undefined {
  if (minor === undefined || !uris.some((uri) => ociModeOf(uri, config) === "native")) return undefined;
  if (minor >= imageVolumeMinor) return { isCompatible: true, message: "" };
  const advice = "use oci+modelcar:// or oci+fetch://, or set storageInitializer.ociModelMode";
  return minor >= gatedMinor
    ? {
        isCompatible: false,
        message: `Kubernetes 1.${minor} mounts image volumes only with its feature gate ImageVolume; enable it, or ${advice}`,
      }
    : { isCompatible: false, message: `Kubernetes 1.${minor} has no image volumes; ${advice}` };
}
