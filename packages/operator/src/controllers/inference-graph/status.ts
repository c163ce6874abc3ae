// SPDX-License-Identifier: Apache-2.0
// The status of a graph. Pure. Source: KServe inferencegraph/controller.go. KServe says Ready as soon as the Deployment
// has an Available condition, even when that is False (weak spot 11).
import {
  catalogue,
  codeOf,
  type Deployment,
  type InferenceGraph,
  type InferenceGraphStatus,
  type Pod,
  type Reason,
  type ServalStatus,
  type Verdict,
} from "@serval/api";
import { deploymentVerdict } from "../inference-service/deployment-verdict.ts";
import { plainConditions } from "../plain-condition.ts";
import { routerCause } from "./cause.ts";

export interface GraphObservation {
  readonly graph: InferenceGraph;
  readonly now: Date;
  readonly isStopped: boolean;
  /** Why nothing can be built; the rest of the fields then say nothing. */
  readonly problem?: { readonly reason: Reason; readonly message: string } | undefined;
  readonly deployment: Deployment | undefined;
  /** Of the router. */
  readonly pods: readonly Pod[];
  readonly url: string | undefined;
}

/** True carries no text, as in KServe's; everything else says why. */
function readiness({ problem, deployment, isStopped }: GraphObservation): Verdict {
  if (isStopped) return { status: "False", reason: "Stopped" };
  if (problem !== undefined) return { status: "False", reason: problem.reason, message: problem.message };
  const verdict = deploymentVerdict(deployment);
  if (verdict.status === "True") return { status: "True" };
  return { ...verdict, reason: verdict.reason ?? "DeploymentNotReady" };
}

function whyNot({ problem, ...live }: GraphObservation): ServalStatus | undefined {
  if (problem === undefined) return routerCause(live);
  const { reason, message } = problem;
  return { reason, code: codeOf(reason), message, fix: catalogue[reason].fix };
}

export function graphStatus(observation: GraphObservation): InferenceGraphStatus {
  const { graph, now, isStopped, url } = observation;
  const ready = readiness(observation);
  const serval = ready.status === "True" || isStopped ? undefined : whyNot(observation);
  const wanted = {
    Ready: ready,
    Stopped: { status: isStopped ? "True" : "False" } as const,
  };
  return {
    observedGeneration: graph.metadata.generation ?? 0,
    conditions: plainConditions(wanted, { old: graph.status?.conditions, now }),
    ...(isStopped || url === undefined ? {} : { url }),
    ...(serval === undefined ? {} : { serval }),
  };
}
