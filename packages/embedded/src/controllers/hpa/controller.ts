// SPDX-License-Identifier: Apache-2.0
// The HorizontalPodAutoscaler controller: looks at each autoscaler every 15 seconds, scales its workload, says why.
// Its metrics are the kubelet's own measurements. The arithmetic is in decide.ts and what that imports.
import {
  type Deployment,
  type HorizontalPodAutoscaler,
  type HorizontalPodAutoscalerStatus,
  type Key,
  keyOf,
  keyText,
  type LabelSelector,
  type Pod,
  type ReplicaSet,
  resources,
} from "@serval/api";
import { type Change, createInformer, type Informer, isNotFound, type ReconcileResult } from "@serval/kube";
import type { ResourceMetrics } from "../../apiserver/resource-metrics.ts";
import { type LabelMatch, parseLabelSelector, selectorText } from "../../apiserver/selector.ts";
import type { ControllerContext } from "../context.ts";
import { type Decision, decide, type HpaEvent, type Memory, noMemory, statusWith } from "./decide.ts";
import { defaultTolerance } from "./replica-count.ts";
import { isNews } from "./status-news.ts";

/** --horizontal-pod-autoscaler-sync-period */
export const lookEveryMs = 15_000;

/** A failure that is still there after a minute is worth an event. */
const looksUntilEvent = 5;

export interface HpaOptions {
  readonly metrics: ResourceMetrics;
  /** Default 15 s. */
  readonly everyMs?: number;
}

type Workload = Deployment | ReplicaSet;
type Type = typeof resources.deployments | typeof resources.replicaSets;

interface Target {
  readonly type: Type;
  readonly workload: Workload;
  readonly selects: LabelMatch;
}

/** Why there is nothing to scale, as a condition and an event. */
interface Obstacle {
  readonly type: "AbleToScale" | "ScalingActive";
  readonly reason: string;
  readonly message: string;
  readonly event: string;
}

const isObstacle = (found: Target | Obstacle): found is Obstacle => "reason" in found;

const noScale = (why: string): Obstacle => ({
  type: "AbleToScale",
  reason: "FailedGetScale",
  message: `the HPA controller was unable to get the target's current scale: ${why}`,
  event: why,
});

export function createHpaController(context: ControllerContext, options: HpaOptions) {
  const { cluster, informers, events, now, signal } = context;
  const { metrics, everyMs = lookEveryMs } = options;
  const autoscalers: Informer<HorizontalPodAutoscaler> = createInformer(cluster, resources.horizontalPodAutoscalers, {
    signal,
  });
  const memories = new Map<string, Memory>();
  const failures = new Map<string, { text: string; looks: number }>();
  const matchers = new WeakMap<LabelSelector, LabelMatch>();

  const matcherOf = (selector: LabelSelector): LabelMatch | undefined => {
    const known = matchers.get(selector);
    if (known !== undefined) return known;
    const made = parseLabelSelector(selectorText(selector));
    if (made !== undefined) matchers.set(selector, made);
    return made;
  };

  function targetOf({ metadata, spec }: HorizontalPodAutoscaler): Target | Obstacle {
    const { apiVersion = "", kind = "", name = "" } = spec?.scaleTargetRef ?? {};
    const key = { namespace: metadata.namespace ?? "default", name };
    const isApps = apiVersion === "apps/v1" || apiVersion.startsWith("apps/");
    if (!isApps || (kind !== "Deployment" && kind !== "ReplicaSet"))
      return noScale(
        `no matches for kind "${kind}" in group "${apiVersion.split("/")[0]}": only Deployments and ReplicaSets are scaled here`,
      );
    const [type, workload] =
      kind === "Deployment"
        ? ([resources.deployments, informers.deployments.get(key)] as const)
        : ([resources.replicaSets, informers.replicaSets.get(key)] as const);
    if (workload === undefined) return noScale(`${type.plural}.apps "${name}" not found`);
    const selector = workload.spec?.selector;
    const selects = selector === undefined ? undefined : matcherOf(selector);
    if (selects !== undefined) return { type, workload, selects };
    const message = "the HPA target's scale is missing a selector";
    return { type: "ScalingActive", reason: "InvalidSelector", message, event: "selector is required" };
  }

  /** Two autoscalers of the same pods would each undo what the other does. */
  function ambiguity(hpa: HorizontalPodAutoscaler, target: Target, pods: readonly Pod[]): Obstacle | undefined {
    const rivals = autoscalers.list(hpa.metadata.namespace ?? "default").filter((other) => {
      if (other.metadata.name === hpa.metadata.name) return false;
      const found = targetOf(other);
      return !isObstacle(found) && pods.some(({ metadata }) => found.selects(metadata.labels ?? {}));
    });
    if (rivals.length === 0) return undefined;
    const names = [hpa, ...rivals].map((one) => keyText(keyOf(one))).sort();
    const message = `pods by selector ${selectorText(target.workload.spec?.selector)} are controlled by multiple HPAs: [${names.join(" ")}]`;
    return { type: "ScalingActive", reason: "AmbiguousSelector", message, event: message };
  }

  async function writeStatus(hpa: HorizontalPodAutoscaler, status: HorizontalPodAutoscalerStatus): Promise<void> {
    if (!isNews(hpa.status, status, hpa.spec?.metrics ?? [])) return;
    const body = { status: { ...status, lastScaleTime: status.lastScaleTime ?? null } };
    const patch = { type: "merge", body } as const;
    autoscalers.observe(
      await cluster.patch(resources.horizontalPodAutoscalers, keyOf(hpa), patch, { subresource: "status" }),
    );
  }

  /**
   * Kubernetes makes every failed look an event, from the first second of a workload on, when nothing can be measured
   * yet. Here the condition says so at once, and a failure that lasts is one event.
   */
  function say(hpa: HorizontalPodAutoscaler, found: readonly HpaEvent[]): void {
    const id = hpa.metadata.uid ?? "";
    const warnings = found.filter(({ type }) => type === "Warning");
    const text = JSON.stringify(warnings);
    const before = failures.get(id);
    const looks = before?.text === text ? before.looks + 1 : 1;
    failures.set(id, { text, looks });
    for (const { type, reason, message } of found)
      if (type === "Normal" || looks === looksUntilEvent) events.record(hpa, type, reason, message);
  }

  async function stopAt(hpa: HorizontalPodAutoscaler, obstacle: Obstacle): Promise<void> {
    const { type, reason, message, event } = obstacle;
    say(hpa, [{ type: "Warning", reason, message: event }]);
    await writeStatus(hpa, statusWith(hpa, { type, status: "False", reason, message }, now().getTime()));
  }

  async function scale(hpa: HorizontalPodAutoscaler, target: Target, made: Decision): Promise<void> {
    const { scaleTo } = made;
    if (scaleTo === undefined) return;
    const patch = { type: "merge", body: { spec: { replicas: scaleTo.replicas } } } as const;
    try {
      await cluster.patch(target.type as never, keyOf(target.workload), patch, { subresource: "scale" });
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      const text = `New size: ${scaleTo.replicas}; reason: ${scaleTo.reason}; error: ${why}`;
      const message = `the HPA controller was unable to update the target scale: ${why}`;
      await stopAt(hpa, { type: "AbleToScale", reason: "FailedUpdateScale", message, event: text });
      throw error;
    }
  }

  async function look(hpa: HorizontalPodAutoscaler): Promise<void> {
    const target = targetOf(hpa);
    if (isObstacle(target)) return stopAt(hpa, target);
    const namespace = hpa.metadata.namespace ?? "default";
    const pods = informers.pods.list(namespace).filter(({ metadata }) => target.selects(metadata.labels ?? {}));
    const obstacle = ambiguity(hpa, target, pods);
    if (obstacle !== undefined) return stopAt(hpa, obstacle);
    const id = hpa.metadata.uid ?? "";
    const usages = new Map(pods.map((pod) => [pod, metrics.ofPod(pod)]));
    const made = decide({
      hpa,
      memory: memories.get(id) ?? noMemory,
      view: {
        pods,
        usageOf: (pod) => usages.get(pod),
        currentReplicas: target.workload.spec?.replicas ?? 1,
        tolerance: defaultTolerance,
        nowMs: now().getTime(),
      },
    });
    await scale(hpa, target, made);
    memories.set(id, made.memory);
    say(hpa, made.events);
    await writeStatus(hpa, made.status);
  }

  return {
    autoscalers,
    /** Its own status is no reason to look again. */
    keys({ object, old, type }: Change<HorizontalPodAutoscaler>): Key[] {
      const id = object.metadata.uid ?? "";
      if (type === "deleted") for (const map of [memories, failures]) map.delete(id);
      const isSame = old !== undefined && JSON.stringify(old.spec) === JSON.stringify(object.spec);
      return isSame || type === "deleted" ? [] : [keyOf(object)];
    },
    async reconcile(key: Key): Promise<ReconcileResult> {
      const hpa = autoscalers.get(key);
      if (hpa === undefined || hpa.metadata.deletionTimestamp !== undefined) return undefined;
      try {
        await look(hpa);
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
      return { requeueAfterMs: everyMs };
    },
  };
}
