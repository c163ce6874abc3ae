// SPDX-License-Identifier: Apache-2.0
// Which kinds the cluster serves, now and later: the names of CustomResourceDefinitions are watched (their metadata only:
// schemas are large), and discovery is asked when one came, changed or went.
import { type KubeObject, type ResourceType, resources } from "@serval/api";
import { type Cluster, createInformer, delay, expectSuccess } from "@serval/kube";
import { metadataCluster } from "./metadata-only.ts";

export interface KindWatch {
  /** Settles when every one is served, or with the signal. @param onMissing told while some are not. */
  served(types: readonly ResourceType[], onMissing?: (types: readonly ResourceType[]) => void): Promise<void>;
  /** Calls for every change of the definition of one of them. @returns how to end it. */
  onChange(types: readonly ResourceType[], listener: () => void): () => void;
}

export interface KindWatchOptions {
  readonly cluster: Cluster;
  readonly signal: AbortSignal;
  readonly onError: (error: unknown) => void;
}

/** A change of a definition is told before the kind is served; and watches of other API servers may be behind. */
const lookAgainMs = 1_000;

const nameOfCrd = ({ plural, group }: ResourceType): string => `${plural}.${group}`;

const slim = <T extends KubeObject>(object: T): T => {
  const { name, uid, resourceVersion } = object.metadata;
  return { apiVersion: object.apiVersion, kind: object.kind, metadata: { name, uid, resourceVersion } } as T;
};

/** Those that discovery does not list. @throws ApiError. */
async function missingOf(cluster: Cluster, types: readonly ResourceType[]): Promise<ResourceType[]> {
  const groups = new Map<string, Promise<ReadonlySet<string>>>();
  const pluralsOf = async (path: string): Promise<ReadonlySet<string>> => {
    const answer = await cluster.transport.send({ method: "GET", path });
    if (answer.status === 404) return new Set();
    const { resources: served = [] } = expectSuccess(answer).body as { resources?: { name: string }[] };
    return new Set(served.map(({ name }) => name));
  };
  const missing: ResourceType[] = [];
  for (const type of types) {
    const path = `/apis/${type.group}/${type.version}`;
    const plurals = groups.get(path) ?? pluralsOf(path);
    groups.set(path, plurals);
    if (!(await plurals).has(type.plural)) missing.push(type);
  }
  return missing;
}

export function createKindWatch({ cluster, signal, onError }: KindWatchOptions): KindWatch {
  const listeners = new Set<(name: string) => void>();
  const definitions = createInformer(metadataCluster(cluster), resources.customResourceDefinitions, {
    signal,
    onError,
    transform: slim,
  });
  definitions.onChange(({ object }) => {
    for (const listener of listeners) listener(object.metadata.name ?? "");
  });
  const onChange: KindWatch["onChange"] = (types, listener) => {
    const names = new Set(types.map(nameOfCrd));
    const heard = (name: string): void => {
      if (names.has(name)) listener();
    };
    listeners.add(heard);
    return () => void listeners.delete(heard);
  };
  return {
    onChange,
    async served(types, onMissing) {
      let pending = types;
      while (!signal.aborted) {
        try {
          pending = await missingOf(cluster, pending);
        } catch (error) {
          if (!signal.aborted) onError(error);
        }
        onMissing?.(pending);
        if (pending.length === 0) return;
        const changed = new AbortController();
        const end = onChange(pending, () => changed.abort());
        await delay(lookAgainMs, AbortSignal.any([signal, changed.signal]));
        end();
      }
    },
  };
}
