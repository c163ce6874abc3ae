// SPDX-License-Identifier: Apache-2.0
// The volumes of one running pod: prepared once, refreshed when an object behind them has changed.
import type { Pod } from "@serval/api";
import { ContainerConfigError } from "./variables.ts";
import { refersTo, showsOwnFields } from "./volumes.ts";

const shownOf = ({ metadata }: Pod): string => JSON.stringify([metadata.labels, metadata.annotations]);

export class PodVolumes {
  readonly #prepare: () => Promise<ReadonlyMap<string, string>>;
  #dirs: ReadonlyMap<string, string> | undefined;
  #isStale = false;

  /** @param prepare what `prepareVolumes` does, for the pod as it is then. */
  constructor(prepare: () => Promise<ReadonlyMap<string, string>>) {
    this.#prepare = prepare;
  }

  /** Directory per volume; undefined while something that they need is not there. */
  get dirs(): ReadonlyMap<string, string> | undefined {
    return this.#dirs;
  }

  /** @throws ContainerConfigError */
  async mount(): Promise<void> {
    this.#dirs = await this.#prepare();
  }

  /** Something that is missing now stays as it was, as under kubelet. */
  async refresh(): Promise<void> {
    if (!this.#isStale) return;
    this.#isStale = false;
    await this.mount().catch((error: unknown) => {
      if (!(error instanceof ContainerConfigError)) throw error;
    });
  }

  podChanged(old: Pod, next: Pod): void {
    if (showsOwnFields(next) && shownOf(old) !== shownOf(next)) this.#isStale = true;
  }

  /** @returns whether the pod has to look. */
  referenceChanged(pod: Pod, kind: "ConfigMap" | "Secret", key: { namespace: string; name: string }): boolean {
    const isOurs = (pod.metadata.namespace ?? "default") === key.namespace && refersTo(pod, kind, key.name);
    if (isOurs) this.#isStale = true;
    return isOurs;
  }
}
