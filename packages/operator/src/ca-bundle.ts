// SPDX-License-Identifier: Apache-2.0
// Certificates that models are fetched with: a ConfigMap of the operator's namespace, copied into every namespace that
// has services. Source: KServe reconcilers/cabundleconfigmap.
import { type ConfigMap, resources, ServalError, type ServingConfig } from "@serval/api";
import { type Cluster, createInformer, type Informer } from "@serval/kube";
import type { ConfigMapWriter } from "./children/config-maps.ts";
import { globalCaBundle } from "./pod/storage/ca-bundle.ts";

const entry = "cabundle.crt";

export interface CaBundleSource {
  readonly informers: readonly Informer<ConfigMap>[];
  /** Copies the bundle where pods of `namespace` mount it. @throws ServalError when what is configured is not there. */
  ensure(namespace: string, config: ServingConfig): Promise<void>;
}

export interface CaBundleOptions {
  readonly cluster: Cluster;
  readonly configMaps: ConfigMapWriter;
  /** The operator's. */
  readonly namespace: string;
  readonly signal: AbortSignal;
  readonly onError: (error: unknown) => void;
}

export function createCaBundleSource(options: CaBundleOptions): CaBundleSource {
  const { cluster, configMaps, namespace: home, signal, onError } = options;
  const informer = createInformer(cluster, resources.configMaps, { namespace: home, signal, onError });
  return {
    informers: [informer],
    async ensure(namespace, { storageInitializer: { caBundleConfigMapName: name } }) {
      if (name === "" || namespace === home) return;
      const text = informer.get({ namespace: home, name })?.data?.[entry];
      if (text === undefined)
        throw new ServalError(
          "InvalidConfig",
          `specified cabundle file ${entry} not found in cabundle configmap ${name}`,
          {
            fix: `Create ConfigMap ${name} with the key ${entry} in namespace ${home}, or empty storageInitializer.caBundleConfigMapName`,
          },
        );
      const metadata = { name: globalCaBundle, namespace };
      await configMaps.ensure({ apiVersion: "v1", kind: "ConfigMap", metadata, data: { [entry]: text } });
    },
  };
}
