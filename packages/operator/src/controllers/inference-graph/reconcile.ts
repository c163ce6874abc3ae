// SPDX-License-Identifier: Apache-2.0
// The whole life of one InferenceGraph: find the services of its steps, build the router, report.
import {
  annotations,
  hostOf,
  type InferenceGraph,
  type InferenceGraphStatus,
  inferenceGraphs,
  isClusterLocal,
  type Key,
  labels,
  modeOf,
  type Pod,
  type Reason,
  type ResourceType,
  ServalError,
} from "@serval/api";
import type { Informer, ReconcileResult } from "@serval/kube";
import { plainOrigin } from "../../adoption/kserve-form.ts";
import { isGoneUnseen } from "../../children/gone.ts";
import { childKey } from "../inference-service/build.ts";
import type { ReconcileDeps } from "../inference-service/reconcile.ts";
import { writeStatus } from "../write-status.ts";
import { graphObjects } from "./build.ts";
import { graphStatus } from "./status.ts";
import { type Directory, type TargetProblem, withTargets } from "./targets.ts";

export interface GraphDeps
  extends Pick<ReconcileDeps, "cluster" | "events" | "now" | "caches" | "children" | "config" | "adoption"> {
  readonly graphs: Informer<InferenceGraph>;
  /** Of routers. */
  readonly pods: Informer<Pod>;
}

const isStopped = ({ metadata }: InferenceGraph): boolean =>
  metadata.annotations?.[annotations.stop]?.toLowerCase() === "true";

export const graphOfPod = ({ metadata }: Pod): string | undefined => metadata?.labels?.[labels.inferenceGraph];

function directory({ caches }: GraphDeps, namespace: string | undefined): Directory {
  return {
    service: (name) => caches.services.get({ namespace, name }),
    runtime: ({ spec, status }) => {
      const chosen = status?.servingRuntimeName ?? status?.clusterServingRuntimeName;
      const name = spec.predictor.model?.runtime ?? chosen ?? "";
      return caches.runtimes.get({ namespace, name }) ?? caches.clusterRuntimes.get({ name });
    },
  };
}

type Problem = TargetProblem | { readonly reason: Reason; readonly message: string };

interface Outcome {
  readonly problem?: Problem;
  readonly url?: string;
}

/** Everything that the graph wants is applied, everything else of it goes. undefined: it is gone. @throws ApiError. */
async function apply(deps: GraphDeps, graph: InferenceGraph): Promise<Outcome | undefined> {
  const config = deps.config();
  const owned = deps.children.ownedBy(graph.metadata.uid ?? "");
  if (isStopped(graph)) {
    await deps.children.delete(owned);
    return {};
  }
  const mode = modeOf(graph, config.deploy.defaultDeploymentMode);
  if (mode !== "Standard")
    return {
      problem: {
        reason: "ModeNotSupported",
        message: `the resolved deployment mode of InferenceGraph '${graph.metadata.name}' is ${mode}, which this release does not serve`,
      },
    };
  const targets = withTargets(graph.spec, directory(deps, graph.metadata.namespace));
  if ("problem" in targets) return targets;
  const named = hostOf(graph, graph.metadata.name ?? "", config);
  if ("error" in named) return { problem: { reason: "NameTooLong", message: named.error } };
  const isInternal = config.ingress.disableIngressCreation || isClusterLocal(graph, config);
  const wanted = graphObjects({
    graph,
    config,
    spec: targets.spec,
    host: isInternal ? undefined : named.host,
    serves: (kind) => deps.children.kinds.includes(kind),
  });
  const owner = { type: inferenceGraphs as ResourceType, object: graph, hadChildren: graph.status?.url !== undefined };
  if (await isGoneUnseen(deps, owner, wanted)) return undefined;
  const settled = await deps.adoption.settle(wanted, plainOrigin(inferenceGraphs as ResourceType, graph, wanted));
  await deps.children.apply(settled.objects);
  const kept = new Set(wanted.map(childKey));
  await deps.children.delete(owned.filter((child) => !kept.has(childKey(child))));
  const { urlPort } = config.serval;
  // KServe: always http.
  return { url: `http://${named.host}${urlPort === undefined ? "" : `:${urlPort}`}` };
}

function report({ events }: GraphDeps, graph: InferenceGraph, status: InferenceGraphStatus): void {
  const holds = (of: InferenceGraphStatus | undefined): boolean =>
    of?.conditions?.some((condition) => condition.type === "Ready" && condition.status === "True") === true;
  const name = graph.metadata.name ?? "";
  if (!holds(graph.status) && holds(status))
    events.record(graph, "Normal", "InferenceGraphReady", `InferenceGraph [${name}] is Ready`);
  if (holds(graph.status) && !holds(status))
    events.record(graph, "Warning", "InferenceGraphNotReady", `InferenceGraph [${name}] is no longer Ready`);
  const { serval } = status;
  if (serval?.code === undefined || serval.message === graph.status?.serval?.message) return;
  events.record(graph, "Warning", serval.reason ?? "NotReady", `${serval.message} (${serval.code}: ${serval.fix})`);
}

/** @throws to be retried with backoff, after the status says why. */
export async function reconcileInferenceGraph(deps: GraphDeps, key: Key): Promise<ReconcileResult> {
  const graph = deps.graphs.get(key);
  if (graph === undefined || graph.metadata.deletionTimestamp !== undefined) return undefined;
  let outcome: Outcome | undefined = {};
  let failed: unknown;
  try {
    outcome = await apply(deps, graph);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    outcome = { problem: { reason: error instanceof ServalError ? error.reason : "ApplyFailed", message } };
    if (!(error instanceof ServalError)) failed = error;
  }
  if (outcome === undefined) return undefined;
  const deployment = deps.children.get("Deployment", key) as never;
  const pods = deps.pods.list(key.namespace).filter((pod) => graphOfPod(pod) === key.name);
  const status = graphStatus({
    graph,
    now: deps.now(),
    isStopped: isStopped(graph),
    deployment,
    pods,
    url: outcome.url,
    problem: outcome.problem,
  });
  if (await writeStatus({ cluster: deps.cluster, informer: deps.graphs }, graph, status)) report(deps, graph, status);
  if (failed !== undefined) throw failed;
  return undefined;
}
