// SPDX-License-Identifier: Apache-2.0
// Certificates that the storage initializer trusts besides the system's. Source: KServe storage_initializer_injector.go.
import { posix } from "node:path";
import { kserveNamespace, namespaceOf } from "@serval/api";
import type { PodContext } from "../context.ts";
import { type Draft, textEnv, withMount, withVolume } from "../parts.ts";

export const caBundleVolume = "cabundle-cert";
/** The copy of the configured ConfigMap in every other namespace than KServe's. */
export const globalCaBundle = "global-ca-bundle";
const defaultMountPath = "/etc/ssl/custom-certs";

export interface CaBundle {
  readonly configMap: string;
  readonly mountPath: string;
}

/** undefined: none is configured, neither for all nor by the credentials. */
export function caBundleOf({ container: { env = [] } }: Draft, { isvc, config }: PodContext): CaBundle | undefined {
  const { caBundleConfigMapName: configured, caBundleVolumeMountPath } = config.storageInitializer;
  const settingOf = (name: string): string | undefined => env.find((entry) => entry.name === name)?.value;
  const own = settingOf("AWS_CA_BUNDLE_CONFIGMAP");
  if (configured === "" && own === undefined) return undefined;
  const shared = namespaceOf(isvc) === kserveNamespace ? configured : globalCaBundle;
  const file = settingOf("AWS_CA_BUNDLE");
  return {
    configMap: own ?? shared,
    mountPath: file === undefined ? caBundleVolumeMountPath || defaultMountPath : posix.dirname(file),
  };
}

export function withCaBundle(draft: Draft, context: PodContext): Draft {
  const bundle = caBundleOf(draft, context);
  if (bundle === undefined) return draft;
  const env = [
    ...(draft.container.env ?? []),
    textEnv("CA_BUNDLE_CONFIGMAP_NAME", bundle.configMap),
    textEnv("CA_BUNDLE_VOLUME_MOUNT_POINT", bundle.mountPath),
  ];
  const mount = { name: caBundleVolume, mountPath: bundle.mountPath, readOnly: true };
  return {
    container: withMount({ ...draft.container, env }, mount),
    volumes: withVolume(draft.volumes, { name: caBundleVolume, configMap: { name: bundle.configMap } }),
  };
}
