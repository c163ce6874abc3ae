// SPDX-License-Identifier: Apache-2.0
// The runtimes that a cluster is given: models without a named one go where KServe sends them, and Serval's own server is
// named with the registry that its image comes from.
import type { Images, KubeObject } from "@serval/api";
import { clusterServingRuntimes } from "@serval/runtimes";

export const installedRuntimes = ({ modelServer }: Images): readonly KubeObject[] =>
  clusterServingRuntimes({ prefersOwn: false, ownImage: modelServer }) as unknown as readonly KubeObject[];
