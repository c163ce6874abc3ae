// SPDX-License-Identifier: Apache-2.0
// The storage initializer pulls the model's layers from the registry, with the pod's own pull secret.
// Source: KServe oci_fetch.go.
import { containerNames } from "@serval/api";
import { type PodContext, type PodTemplate, withSpec } from "../context.ts";
import { addVolumes, type Draft, textEnv, withMount, withVolume } from "../parts.ts";
import { withCaBundle } from "../storage/ca-bundle.ts";
import { plainInitializer, withOwnResources } from "../storage/initializer.ts";
import { mounted, volumeNameOf } from "../storage/readers.ts";
import type { OciSource } from "./scheme.ts";

const authVolume = "kserve-oci-fetch-docker-config";
const authFolder = "/mnt/oci-fetch-auth";
/** Only its owner reads it. */
const authMode = 0o400;

/** KServe: the first pull secret only. */
function withPullSecret(draft: Draft, secretName: string | undefined): Draft {
  if (secretName === undefined || secretName === "") return draft;
  const env = [...(draft.container.env ?? []), textEnv("KSERVE_OCI_DOCKER_CONFIG", `${authFolder}/config.json`)];
  const mount = { name: authVolume, mountPath: authFolder, readOnly: true };
  return {
    container: withMount({ ...draft.container, env }, mount),
    volumes: withVolume(draft.volumes, {
      name: authVolume,
      secret: {
        secretName,
        items: [{ key: ".dockerconfigjson", path: "config.json" }],
        defaultMode: authMode,
      },
    }),
  };
}

function fetcher(template: PodTemplate, sources: readonly OciSource[], context: PodContext): Draft {
  const args = sources.flatMap(({ image, path }) => [`oci://${image}`, path]);
  const plain: Draft = { container: plainInitializer(context.config, args), volumes: [] };
  const allowed = withPullSecret(plain, template.spec.imagePullSecrets?.[0]?.name);
  const { container, volumes } = withCaBundle(allowed, context);
  if (!context.config.storageInitializer.ociInsecureRegistry) return { container, volumes };
  return {
    container: { ...container, env: [...(container.env ?? []), textEnv("KSERVE_OCI_INSECURE_REGISTRY", "true")] },
    volumes,
  };
}

/**
 * Beside sources of other kinds its arguments join those of their initializer: KServe leaves the others out in silence.
 */
export function withFetched(template: PodTemplate, sources: readonly OciSource[], context: PodContext): PodTemplate {
  if (sources.length === 0) return template;
  const { container, volumes } = fetcher(template, sources, context);
  const mounts = sources.map(({ path }) => ({ name: volumeNameOf(path), mountPath: path }));
  const inits = template.spec.initContainers ?? [];
  const other = inits.find(({ name }) => name === containerNames.storageInitializer);
  const joined = {
    ...(other ?? container),
    args: [...(other?.args ?? []), ...(container.args ?? [])],
    ...(other === undefined || container.env === undefined ? {} : { env: [...(other.env ?? []), ...container.env] }),
  };
  const withMounts = [...mounts, ...(container.volumeMounts ?? [])].reduce(withMount, {
    ...joined,
    volumeMounts: other?.volumeMounts ?? [],
  });
  const init = withOwnResources(withMounts, context);
  const read = mounts.reduce(mounted, template);
  return addVolumes(
    withSpec(read, {
      initContainers: other === undefined ? [...inits, init] : inits.map((c) => (c === other ? init : c)),
    }),
    [...mounts.map(({ name }) => ({ name, emptyDir: {} })), ...volumes],
  );
}
