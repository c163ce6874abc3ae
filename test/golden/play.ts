// SPDX-License-Identifier: Apache-2.0
// The parts of a cluster that the recorder played: kubelet, gateway controller, Knative, LeaderWorkerSet.
import type { AnyObject } from "@serval/api";
import type { Api } from "./api.ts";
import type { Action } from "./case.ts";

type Json = Record<string, unknown>;
const time = "2026-01-01T00:00:00Z";
const list = (value: unknown): Json[] => (Array.isArray(value) ? (value as Json[]) : []);
const field = (object: AnyObject, ...path: readonly string[]): unknown =>
  path.reduce<unknown>((value, name) => (value as Json | undefined)?.[name], object);

const conditionsTrue = (...types: readonly string[]): Json[] =>
  types.map((type) => ({ type, status: "True", lastTransitionTime: time }));

type State = "ready" | "notReady" | "initFailed" | "initRunning" | "containerCrash" | "imagePull";

const ended = (exitCode: number, reason: string, message = ""): Json => ({
  terminated: { exitCode, reason, message, startedAt: time, finishedAt: time },
});
const running: Json = { running: { startedAt: time } };
const waiting = (reason: string, message = ""): Json => ({ waiting: { reason, message } });

/** A container that starts before the others and goes on. */
const isSidecar = (container: Json): boolean => container["restartPolicy"] === "Always";

function initState(container: Json, state: State, source: string): Json {
  if (state === "initRunning") return running;
  if (isSidecar(container)) return running;
  if (state === "initFailed")
    return ended(1, "Error", `RuntimeError: Failed to fetch model. No model found in ${source}.`);
  return ended(0, "Completed");
}

function containerState(state: State): Json {
  if (state === "containerCrash") return ended(1, "Error", "the container crashed");
  if (state === "imagePull") return waiting("ImagePullBackOff", "Back-off pulling image");
  return state === "initFailed" || state === "initRunning" ? waiting("PodInitializing") : running;
}

/** Of a Pod, as its kubelet would write it. */
export function podStatus(pod: AnyObject, state: State): Json {
  const isReady = state === "ready";
  const isStarted = isReady || state === "notReady";
  const init = list(field(pod, "spec", "initContainers"));
  const args = init.flatMap((container) => (container["args"] as string[] | undefined) ?? []);
  const base = (container: Json, more: Json): Json => ({
    name: container["name"],
    image: container["image"],
    imageID: "",
    restartCount: 0,
    ...more,
  });
  const truth = isReady ? "True" : "False";
  return {
    phase: isStarted ? "Running" : "Pending",
    conditions: [
      ...conditionsTrue("PodScheduled"),
      { type: "Initialized", status: isStarted ? "True" : "False", lastTransitionTime: time },
      { type: "ContainersReady", status: truth, lastTransitionTime: time },
      { type: "Ready", status: truth, lastTransitionTime: time },
    ],
    initContainerStatuses: init.map((container) =>
      base(container, { ready: isStarted, state: initState(container, state, args[0] ?? "") }),
    ),
    containerStatuses: list(field(pod, "spec", "containers")).map((container) =>
      base(container, { ready: isReady, started: isStarted, state: containerState(state) }),
    ),
  };
}

export function routeStatus(route: AnyObject, isAccepted: boolean): Json {
  const [parentRef] = list(field(route, "spec", "parentRefs"));
  const condition = (type: string, isTrue: boolean, reason = type): Json => ({
    type,
    status: isTrue ? "True" : "False",
    reason,
    message: "",
    observedGeneration: route.metadata.generation ?? 1,
    lastTransitionTime: time,
  });
  const conditions = [condition("Accepted", isAccepted, isAccepted ? "Accepted" : "NotAllowedByListeners")];
  return {
    parents: [
      {
        parentRef,
        controllerName: "golden.example/controller",
        conditions: [...conditions, condition("ResolvedRefs", true)],
      },
    ],
  };
}

function poolStatus(pool: AnyObject): Json {
  const [kind, name] = ["Gateway", "kserve-ingress-gateway"];
  const condition = { ...conditionsTrue("Accepted")[0], reason: "Accepted", message: "" };
  return { parents: [{ parentRef: { kind, name }, conditions: [condition] }], ...(pool["status"] as object) };
}

/** Templates that a Knative Service (by uid) has had, oldest first: each is a revision. */
const templates = new Map<string, string[]>();

function revisionOf(service: AnyObject): string {
  const { uid = "", name = "" } = service.metadata;
  const template = JSON.stringify(field(service, "spec", "template"));
  const known = templates.get(uid) ?? [];
  const all = known.at(-1) === template ? known : [...known, template];
  templates.set(uid, all);
  return `${name}-${String(all.length).padStart(5, "0")}`;
}

function knativeStatus(service: AnyObject): Json {
  const { name = "", namespace = "" } = service.metadata;
  const before = service["status"] as Json | undefined;
  const revision = revisionOf(service);
  const traffic = list(field(service, "spec", "traffic")).map((target) =>
    target["latestRevision"] === true ? { ...target, revisionName: revision } : target,
  );
  return {
    ...before,
    latestCreatedRevisionName: revision,
    latestReadyRevisionName: revision,
    traffic: traffic.length > 0 ? traffic : [{ latestRevision: true, percent: 100, revisionName: revision }],
    url: `http://${name}.${namespace}.example.com`,
    address: { url: `http://${name}.${namespace}.svc.cluster.local` },
    conditions: conditionsTrue("ConfigurationsReady", "RoutesReady", "Ready"),
    observedGeneration: service.metadata.generation,
  };
}

const holds = (object: AnyObject, type: string): boolean =>
  list(field(object, "status", "conditions")).some((each) => each["type"] === type && each["status"] === "True");
const hasParents = (object: AnyObject): boolean => list(field(object, "status", "parents")).length > 0;

interface Part {
  readonly kind: string;
  readonly isDone: (object: AnyObject) => boolean;
  readonly status: (object: AnyObject) => Json;
}

/** What `ready: true` plays, one line per kind. */
const parts: readonly Part[] = [
  { kind: "Pod", isDone: (pod) => holds(pod, "Ready"), status: (pod) => podStatus(pod, "ready") },
  { kind: "HTTPRoute", isDone: hasParents, status: (route) => routeStatus(route, true) },
  { kind: "InferencePool", isDone: hasParents, status: poolStatus },
  { kind: "XInferencePool", isDone: hasParents, status: poolStatus },
  {
    kind: "LeaderWorkerSet",
    isDone: (set) => holds(set, "Available"),
    status: () => ({ conditions: conditionsTrue("Available") }),
  },
  {
    kind: "KnativeService",
    isDone: (service) =>
      holds(service, "Ready") && field(service, "status", "observedGeneration") === service.metadata.generation,
    status: knativeStatus,
  },
];

/** One round over what is there. @returns how many statuses were written. */
async function playReady(api: Api): Promise<number> {
  let written = 0;
  for (const { kind, isDone, status } of parts) {
    for (const object of await api.list(kind)) {
      if (object.metadata.deletionTimestamp !== undefined || isDone(object)) continue;
      const { refusal } = await api.patch(kind, object.metadata.name ?? "", { status: status(object) }, "status");
      if (refusal !== undefined) throw new Error(`cannot play ${kind}/${object.metadata.name}: ${refusal.message}`);
      written += 1;
    }
  }
  return written;
}

async function playPods(api: Api, state: State): Promise<void> {
  for (const pod of await api.list("Pod"))
    await api.patch("Pod", pod.metadata.name ?? "", { status: podStatus(pod, state) }, "status");
}

async function playKnative(api: Api, state: string): Promise<void> {
  for (const service of await api.list("KnativeService")) {
    const played = knativeStatus(service);
    const conditions = ["ConfigurationsReady", "Ready"].map((type) => ({
      type,
      status: "False",
      reason: "RevisionFailed",
    }));
    const latest = state === "revisionFailed" ? { latestCreatedRevisionName: played["latestCreatedRevisionName"] } : {};
    await api.patch("KnativeService", service.metadata.name ?? "", { status: { ...latest, conditions } }, "status");
  }
}

const mostRounds = 20;

/** Plays what a step says besides applying. @param settle waits until the cluster has nothing more to say. */
export async function play(api: Api, action: Action, settle: () => Promise<void>): Promise<void> {
  if (action.podStatus !== undefined) await playPods(api, action.podStatus as State);
  if (action.ksvc !== undefined) await playKnative(api, action.ksvc);
  if (action.routes === "rejected")
    for (const route of await api.list("HTTPRoute"))
      await api.patch("HTTPRoute", route.metadata.name ?? "", { status: routeStatus(route, false) }, "status");
  if (action.isvcStatus !== undefined)
    await api.patch("InferenceService", action.isvcStatus.name, { status: action.isvcStatus.status }, "status");
  if (action.delete !== undefined) await api.delete(action.delete.kind, action.delete.name);
  if (action.ready !== true) return;
  for (let round = 0; round < mostRounds && (await playReady(api)) > 0; round += 1) await settle();
}
