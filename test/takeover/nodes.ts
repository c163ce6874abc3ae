// SPDX-License-Identifier: Apache-2.0
// A node for the two controllers: each of their pods is a process, ready when it says so, gone from the API when it has
// ended, as a kubelet does it.
import { type KubeObject, keyOf, type Pod, resourcePath, resources } from "@serval/api";
import { createInformer, expectSuccess } from "@serval/kube";
import { podStatus } from "../golden/play.ts";
import { controllerNamespaces } from "./players.ts";
import type { World } from "./world.ts";

/** Ready when its promise is kept. */
export interface Program {
  readonly stop: () => Promise<void>;
}
export type Programs = Readonly<Record<string, (pod: Pod) => Promise<Program>>>;

export interface Node {
  /** Every pod of the controllers has ended. */
  close(): Promise<void>;
}

const nodeName = "node";

async function bind({ server: { cluster } }: World, pod: Pod): Promise<void> {
  const path = `${resourcePath(resources.pods, keyOf(pod as KubeObject))}/binding`;
  const body = {
    apiVersion: "v1",
    kind: "Binding",
    metadata: { name: pod.metadata.name },
    target: { kind: "Node", name: nodeName },
  };
  expectSuccess(await cluster.transport.send({ method: "POST", path, body }));
}

/** @param programs by the pod's first container. */
export function startNode(world: World, programs: Programs, signal: AbortSignal): Node {
  const { cluster } = world.server;
  const running = new Map<string, Promise<Program>>();
  const start = async (pod: Pod, program: (pod: Pod) => Promise<Program>): Promise<Program> => {
    await bind(world, pod);
    const started = await program(pod);
    const body = { status: podStatus(pod as never, "ready") };
    await cluster.patch(resources.pods, keyOf(pod as KubeObject), { type: "merge", body }, { subresource: "status" });
    return started;
  };
  const end = async (pod: Pod, program: Promise<Program>): Promise<void> => {
    await (await program).stop();
    const { uid = "" } = pod.metadata;
    await cluster.delete(resources.pods, keyOf(pod as KubeObject), { uid, gracePeriodSeconds: 0 });
  };
  createInformer(cluster, resources.pods, { signal }).onChange(({ type, object: pod }) => {
    const { uid = "", namespace = "", deletionTimestamp } = pod.metadata;
    const program = programs[pod.spec?.containers[0]?.name ?? ""];
    if (!controllerNamespaces.has(namespace) || program === undefined || type === "deleted") return;
    const known = running.get(uid);
    if (known === undefined && deletionTimestamp === undefined) running.set(uid, start(pod, program));
    if (known === undefined || deletionTimestamp === undefined) return;
    running.delete(uid);
    end(pod, known).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
  });
  return {
    close: async () => void (await Promise.all([...running.values()].map(async (program) => (await program).stop()))),
  };
}
