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

/** For the advisory condition OciImageVolumeCompatible, which is False then. */
export interface ImageVolumeVerdict {
  readonly reason: "ImageVolumeUnsupported" | "ImageVolumeSubPathUnsupported" | "ImageVolumeAlpha";
  readonly message: string;
}

const gate = "Ensure --feature-gates=ImageVolume=true is set on kube-apiserver and kubelet.";

/**
 * What stands in the way of image volumes on Kubernetes 1.`minor`; undefined: nothing, no model of these needs them, or
 * the version is not known. KServe looks at the configured mode only, so an `oci+native://` of its own says nothing.
 * Source: KServe warnIfImageVolumeUnsupported, KEP-4639.
 */
export function imageVolumeVerdict(
  uris: readonly string[],
  config: ServingConfig,
  minor: number | undefined,
): ImageVolumeVerdict | undefined {
  if (minor === undefined || configuredMode(config) !== "native" || !uris.some(isOci)) return undefined;
  if (minor < 31)
    return {
      reason: "ImageVolumeUnsupported",
      message: `Cluster K8s 1.${minor} does not support ImageVolume (introduced in 1.31). Falling back to modelcar may be required.`,
    };
  if (minor < 33)
    return {
      reason: "ImageVolumeSubPathUnsupported",
      message: `Cluster K8s 1.${minor} does not support subPath of ImageVolume mounts (introduced in 1.33). Falling back to modelcar may be required.`,
    };
  if (minor < 35)
    return {
      reason: "ImageVolumeAlpha",
      message: `Cluster K8s 1.${minor} has ImageVolume feature-gated (K8s 1.33–1.34 beta). ${gate}`,
    };
  return undefined;
}
