// SPDX-License-Identifier: Apache-2.0
// A watcher that asks the judges about every version of an object that it sees.
import type { KubeObject, ResourceType } from "@serval/api";
import { type Cluster, createInformer } from "@serval/kube";
import { verdictsOf } from "./judges.ts";

const deadlineMs = 15_000;

export interface Watched<T extends KubeObject> {
  readonly cluster: Cluster;
  readonly type: ResourceType<T>;
  readonly namespace: string;
  readonly name: string;
  /** The program of the judges. */
  readonly program: string;
}

/**
 * Acts, and waits for a version that is `wanted`. Resolves with what the judges said of the versions on the way, the
 * one before included; once where it stayed the same.
 * @throws Error with the last version after the deadline
 */
export async function judgedUntil<T extends KubeObject>(
  { cluster, type, namespace, name, program }: Watched<T>,
  act: () => Promise<unknown>,
  wanted: (object: T) => boolean,
): Promise<string[]> {
  const end = new AbortController();
  const seen: T[] = [];
  const informer = createInformer(cluster, type, { namespace, signal: end.signal });
  const arrived = Promise.withResolvers<void>();
  const timer = setTimeout(() => arrived.reject(new Error(`deadline: ${JSON.stringify(seen.at(-1))}`)), deadlineMs);
  informer.onChange(({ object }) => {
    if (object.metadata.name !== name) return;
    seen.push(object);
    if (informer.isSynced && wanted(object)) arrived.resolve();
  });
  try {
    await informer.synced;
    await Promise.all([act(), arrived.promise]);
  } finally {
    clearTimeout(timer);
    end.abort();
  }
  const verdicts = await verdictsOf(program, seen);
  return verdicts.filter((verdict, index) => verdict !== verdicts[index - 1]);
}
