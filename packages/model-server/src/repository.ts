// SPDX-License-Identifier: Apache-2.0
// The models of this process by name, each with its metrics. KServe's texts for a missing and an unready model.
import { RequestError } from "@serval/protocol";
import type { Model } from "@serval/runtimes/model.ts";
import { ModelMetrics } from "./metrics.ts";

export interface Entry {
  readonly name: string;
  readonly model: Model;
  readonly metrics: ModelMetrics;
}

export class Repository {
  private readonly entries = new Map<string, Entry>();
  private readonly aliases = new Map<string, string>();

  add(name: string, model: Model): void {
    this.entries.set(name, { name, model, metrics: new ModelMetrics(name) });
  }

  /** Another name for the same model: requests may use it, lists do not show it. */
  alias(other: string, name: string): void {
    this.aliases.set(other, name);
  }

  get names(): readonly string[] {
    return [...this.entries.keys()].sort();
  }

  get all(): readonly Entry[] {
    return [...this.entries.values()];
  }

  has(name: string): boolean {
    return this.entries.has(name);
  }

  entry(name: string): Entry {
    const found = this.entries.get(name) ?? this.entries.get(this.aliases.get(name) ?? "");
    if (found === undefined) throw new RequestError(404, `Model with name ${name} does not exist.`);
    return found;
  }

  ready(name: string): Entry {
    const found = this.entry(name);
    if (!found.model.ready) throw new RequestError(503, `Model with name ${name} is not ready.`);
    return found;
  }

  async unload(name: string): Promise<void> {
    const { model } = this.entry(name);
    this.entries.delete(name);
    await model.unload();
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.all.map(({ model }) => model.unload()));
    this.entries.clear();
  }
}
