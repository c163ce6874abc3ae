// SPDX-License-Identifier: Apache-2.0
// What a release renews of a runtime that is there: which models it takes. Everything that pods are made of (image,
// arguments, volumes, annotations) stays, because a change of it would restart the pods of every service that uses it.
import type { KubeObject } from "@serval/api";

interface WithSpec extends KubeObject {
  readonly spec?: Readonly<Record<string, unknown>>;
}

/** Read when a runtime is chosen, never when a pod is built. */
const chosenBy = ["supportedModelFormats", "protocolVersions", "multiModel", "disabled"] as const;

/** The runtime of this release around the pods that the stored one makes. Pure. */
export function aroundStoredPods<T extends KubeObject>(wanted: T, stored: T | undefined): T {
  const { spec: kept } = (stored ?? {}) as WithSpec;
  if (kept === undefined) return wanted;
  const { spec = {} } = wanted as WithSpec;
  const chosen = Object.fromEntries(chosenBy.flatMap((key) => (spec[key] === undefined ? [] : [[key, spec[key]]])));
  const rest = Object.fromEntries(Object.entries(kept).filter(([key]) => !chosenBy.includes(key as "disabled")));
  return { ...wanted, spec: { ...rest, ...chosen } };
}
