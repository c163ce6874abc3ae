// SPDX-License-Identifier: Apache-2.0
// The builders and the status of InferenceGraphs.
import {
  type Deployment,
  hostOf,
  type InferenceGraph,
  type InferenceService,
  isClusterLocal,
  type KubeObject,
  type Reason,
  type ServingConfig,
  type ServingRuntime,
} from "@serval/api";
import { graphObjects } from "@serval/operator/controllers/inference-graph/build.ts";
import { graphStatus } from "@serval/operator/controllers/inference-graph/status.ts";
import { withTargets } from "@serval/operator/controllers/inference-graph/targets.ts";
import { childKey } from "@serval/operator/controllers/inference-service/build.ts";
import { mergePatchBetween } from "@serval/operator/controllers/inference-service/status-patch.ts";
import type { Api } from "../api.ts";
import { all, childKinds, isOwned, named, type World, worldOf } from "./pure-world.ts";

interface Wanted {
  readonly objects: readonly KubeObject[];
  readonly url?: string;
  readonly problem?: { readonly reason: Reason; readonly message: string };
}

function wantedOf(graph: InferenceGraph, world: World, config: ServingConfig): Wanted {
  const targets = withTargets(graph.spec, {
    service: (name) => named<InferenceService>(world, "InferenceService", name),
    runtime: ({ spec, status }) => {
      const chosen = status?.servingRuntimeName ?? status?.clusterServingRuntimeName;
      const name = spec.predictor.model?.runtime ?? chosen ?? "";
      return (
        named<ServingRuntime>(world, "ServingRuntime", name) ??
        named<ServingRuntime>(world, "ClusterServingRuntime", name)
      );
    },
  });
  if ("problem" in targets) return { objects: [], problem: targets.problem };
  const found = hostOf(graph, graph.metadata.name ?? "", config);
  if ("error" in found) return { objects: [], problem: { reason: "NameTooLong", message: found.error } };
  const isInternal = config.ingress.disableIngressCreation || isClusterLocal(graph, config);
  const host = isInternal ? undefined : found.host;
  const objects = graphObjects({ graph, config, spec: targets.spec, host, serves: () => true });
  return { objects, url: `http://${found.host}` };
}

export interface GraphPass {
  readonly api: Api;
  readonly config: ServingConfig;
  readonly now: Date;
  /** Applies what differs. */
  readonly apply: (object: KubeObject, world: World) => Promise<void>;
}

/** @returns whether the status changed. */
export async function reconcileGraph({ api, config, now, apply }: GraphPass, name: string): Promise<boolean> {
  const before = await worldOf(api);
  const graph = named<InferenceGraph>(before, "InferenceGraph", name);
  if (graph === undefined || graph.metadata.deletionTimestamp !== undefined) return false;
  const isStopped = graph.metadata.annotations?.["serving.kserve.io/stop"] === "true";
  const wanted = isStopped ? { objects: [] } : wantedOf(graph, before, config);
  for (const object of wanted.objects) await apply(object, before);
  const kept = new Set(wanted.objects.map(childKey));
  for (const kind of childKinds)
    for (const child of all<KubeObject>(before, kind))
      if (isOwned(child, graph) && !kept.has(childKey(child))) await api.delete(kind, child.metadata.name ?? "");
  const deployment = named<Deployment>(await worldOf(api), "Deployment", name);
  const { url, problem }: Wanted = wanted;
  const status = graphStatus({ graph, now, isStopped, deployment, pods: [], url, problem });
  const patch = mergePatchBetween(graph.status ?? {}, JSON.parse(JSON.stringify(status)));
  if (patch === undefined) return false;
  await api.patch("InferenceGraph", name, { status: patch }, "status");
  return true;
}
