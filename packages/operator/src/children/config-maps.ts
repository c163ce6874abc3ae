// SPDX-License-Identifier: Apache-2.0
// ConfigMaps that the operator writes for services. They are few and ConfigMaps of a cluster are many, so they are not
// watched: what was written is remembered, and read again only when something else is wanted.
import { type ConfigMap, type Key, keyOf, keyText, resources } from "@serval/api";
import type { Cluster } from "@serval/kube";
import { fieldManager } from "./children.ts";
import { needsApply } from "./drift.ts";

export interface ConfigMapWriter {
  /** @returns whether it was written. @throws ApiError. */
  ensure(wanted: ConfigMap): Promise<boolean>;
  /** The next `ensure` reads it again. */
  forget(key: Key): void;
}

export function createConfigMapWriter(cluster: Cluster): ConfigMapWriter {
  const written = new Map<string, string>();
  return {
    async ensure(wanted) {
      const key = keyOf(wanted);
      const text = JSON.stringify(wanted);
      if (written.get(keyText(key)) === text) return false;
      const stored = await cluster.get(resources.configMaps, key);
      const isStale = needsApply(wanted, stored, fieldManager);
      if (isStale) await cluster.apply(resources.configMaps, wanted, { fieldManager, force: true });
      written.set(keyText(key), text);
      return isStale;
    },
    forget: (key) => void written.delete(keyText(key)),
  };
}
