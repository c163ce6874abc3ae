// SPDX-License-Identifier: Apache-2.0
// The runtimes that a cluster is given: models without a named one go where KServe sends them, and Serval's own server is
// named with the registry that its image comes from.
import type { Images, KubeObject } from "@serval/api";
import { clusterServingRuntimes, SERVAL_IMAGE } from "@serval/runtimes";

interface WithContainers {
  readonly containers: readonly { readonly image?: string }[];
}

export function installedRuntimes({ modelServer }: Images): KubeObject[] {
  return clusterServingRuntimes({ prefersOwn: false }).map((runtime) => {
    const { containers } = runtime.spec as unknown as WithContainers;
    const qualified = containers.map((container) =>
      container.image === SERVAL_IMAGE ? { ...container, image: modelServer } : container,
    );
    return { ...runtime, spec: { ...runtime.spec, containers: qualified } } as unknown as KubeObject;
  });
}
