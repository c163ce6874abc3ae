// SPDX-License-Identifier: Apache-2.0
// The configuration in force: a snapshot of the watched ConfigMap. A bad edit keeps the last good one and says so.
import {
  type ConfigMap,
  type ConfigProblem,
  configMapName,
  defaultConfig,
  parseConfig,
  resources,
  type ServingConfig,
} from "@serval/api";
import { type Cluster, createInformer, type EventRecorder, type Informer } from "@serval/kube";
import type { Logger } from "@serval/observe";

export interface ConfigSource {
  readonly informer: Informer<ConfigMap>;
  current(): ServingConfig;
  /** Called with every new good snapshot. */
  onChange(listener: () => void): void;
}

export interface ConfigSourceOptions {
  readonly cluster: Cluster;
  readonly namespace: string;
  readonly signal: AbortSignal;
  readonly log: Logger;
  readonly events: EventRecorder;
  readonly onProblems?: (problems: readonly ConfigProblem[]) => void;
}

const text = (problems: readonly ConfigProblem[]): string =>
  problems.map(({ path, message, fix }) => `${path}: ${message}. ${fix}`).join("; ");

export function createConfigSource(options: ConfigSourceOptions): ConfigSource {
  const { cluster, namespace, signal, log, events } = options;
  let config = defaultConfig();
  const listeners: (() => void)[] = [];
  const informer = createInformer(cluster, resources.configMaps, {
    namespace,
    fieldSelector: `metadata.name=${configMapName}`,
    signal,
    onError: (error) => log.warn({ error }, "Cannot watch the ConfigMap"),
  });
  informer.onChange(({ type, object }) => {
    if (object.metadata.name !== configMapName) return;
    const parsed = parseConfig(type === "deleted" ? undefined : object.data);
    options.onProblems?.(parsed.problems);
    if (parsed.problems.length > 0) {
      log.error({ problems: parsed.problems }, "The ConfigMap is not valid, the last good settings stay in force");
      events.record(
        object,
        "Warning",
        "InvalidConfig",
        `The last good settings stay in force: ${text(parsed.problems)}`,
      );
      return;
    }
    config = parsed.config;
    for (const listener of listeners) listener();
  });
  return { informer, current: () => config, onChange: (listener) => listeners.push(listener) };
}
