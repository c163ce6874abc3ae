// SPDX-License-Identifier: Apache-2.0
// Hard times for clients: while services come and go, the API server is killed and its history forgotten, again and again.
// What a client said is compared with what happened.
import assert from "node:assert/strict";
import { type InferenceService, inferenceServices, type KubeObject, type ResourceType, resources } from "@serval/api";
import { type Cluster, isNotFound } from "@serval/kube";

export interface Unrest {
  readonly cluster: Cluster;
  readonly namespace: string;
  /** `kill -9` of the API server; resolves when it answers again. */
  restart(): Promise<void>;
  /** Old versions are forgotten; where this cannot be asked for, a restart does it. */
  compact?(): Promise<void>;
  /** Until the clients know this. What came and went while one waited to connect again, it need not have seen. */
  known(lines: readonly string[]): Promise<void>;
}

/** Of one write, and of one thing that a client is to see: only a failure waits it out. */
export const deadlineMs = 90_000;
const rounds = 3;
const perRound = 8;

const serviceOf = (namespace: string, name: string): InferenceService => ({
  apiVersion: "serving.kserve.io/v1beta1",
  kind: "InferenceService",
  metadata: { name, namespace, annotations: { "serving.kserve.io/stop": "true" } },
  spec: { predictor: { model: { modelFormat: { name: "sklearn" }, storageUri: `s3://models/${name}` } } },
});

/** A call that is made again while the server is away. @returns undefined where an error says that it is done. */
async function stubborn<T>(call: () => Promise<T>, isDone: (error: unknown) => boolean): Promise<T | undefined> {
  for (const end = performance.now() + deadlineMs; ; ) {
    try {
      return await call();
    } catch (error) {
      if (isDone(error)) return undefined;
      if (performance.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

/** @returns what must have been seen: `added NAME` of all, `deleted NAME` of every second one. */
export async function playUnrest({ cluster, namespace, restart, compact, known }: Unrest): Promise<string[]> {
  const happened: string[] = [];
  for (let round = 0; round < rounds; round++) {
    const names = Array.from({ length: perRound }, (_, index) => `unrest-${round}-${index}`);
    // Half of them while the server is away or just back.
    const away = restart();
    for (const name of names) {
      await stubborn(
        () => cluster.create(inferenceServices, serviceOf(namespace, name)),
        (error) => (error as { reason?: string }).reason === "AlreadyExists",
      );
      happened.push(`added ${name}`);
    }
    await away;
    await compact?.();
    await known(happened);
    if (round === 0) continue;
    for (let index = 0; index < perRound; index += 2) {
      const name = `unrest-${round - 1}-${index}`;
      await stubborn(() => cluster.delete(inferenceServices, { namespace, name }), isNotFound);
      happened.push(`deleted ${name}`);
    }
    await restart();
  }
  return happened;
}

const namesAfter = (word: string, lines: readonly string[]): string[] =>
  lines.filter((line) => line.startsWith(`${word} `)).map((line) => line.slice(word.length + 1));

/** What the server answered as done is there after the last `kill -9`: the services, and the copies of all of them. */
export async function assertKept({ cluster, namespace }: Unrest, happened: readonly string[]): Promise<void> {
  const [added, deleted] = [namesAfter("added", happened), namesAfter("deleted", happened)];
  const namesOf = async <T extends KubeObject>(type: ResourceType<T>): Promise<string[]> => {
    const found = await stubborn(
      () => cluster.list(type, { namespace }),
      () => false,
    );
    return (found?.items ?? []).map(({ metadata }) => metadata.name as string).filter((name) => added.includes(name));
  };
  assert.deepEqual(
    (await namesOf(inferenceServices)).sort(),
    added.filter((name) => !deleted.includes(name)).sort(),
    "services after the last kill",
  );
  assert.deepEqual((await namesOf(resources.configMaps)).sort(), added.toSorted(), "copies after the last kill");
}
