// SPDX-License-Identifier: Apache-2.0
// What admission reads, bound late: an API server needs its plugins before the operator can watch it.
import { defaultConfig, type ServingConfig } from "@serval/api";
import type { Caches } from "./controllers/inference-service/observe.ts";
import type { AdmissionDeps } from "./webhooks/plugins.ts";

export interface AdmissionState extends AdmissionDeps {
  bind(source: {
    readonly config: () => ServingConfig;
    readonly caches: Pick<Caches, "runtimes" | "clusterRuntimes">;
  }): void;
}

/** Until bound: the defaults and no runtimes. `initial` is the configuration that the home starts with. */
export function createAdmissionState(initial: ServingConfig = defaultConfig()): AdmissionState {
  let config = (): ServingConfig => initial;
  let caches: Pick<Caches, "runtimes" | "clusterRuntimes"> | undefined;
  return {
    config: () => config(),
    runtimes: (kind, namespace) =>
      (kind === "ServingRuntime" ? caches?.runtimes.list(namespace) : caches?.clusterRuntimes.list()) ?? [],
    bind: (source) => {
      config = source.config;
      caches = source.caches;
    },
  };
}
