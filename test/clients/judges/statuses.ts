// SPDX-License-Identifier: Apache-2.0
// What Argo CD and Flux make of each kind of status that an InferenceService can have. Each row: what it is; the object;
// what v2.8, v2.12, v2.13 and v3.6 of Argo CD say (Healthy, Progressing, Degraded, Suspended, Unknown), then kstatus.
import type { InferenceService } from "@serval/api";

interface More {
  readonly status?: object | undefined;
  readonly metadata?: object;
}

/** `PredictorReady=True Ready=Unknown`; generation 2, seen unless `more` says otherwise. */
function service(conditions: string, { status, metadata }: More = {}): InferenceService {
  const listed = conditions.split(" ").filter(Boolean);
  return {
    apiVersion: "serving.kserve.io/v1beta1",
    kind: "InferenceService",
    metadata: { name: "iris", namespace: "default", generation: 2, ...metadata },
    spec: { predictor: {} },
    status: {
      observedGeneration: 2,
      conditions: listed.map((one) => ({ type: one.split("=")[0], status: one.split("=")[1] })),
      ...status,
    },
  } as InferenceService;
}

const mode = (name: string): More => ({ metadata: { annotations: { "serving.kserve.io/deploymentMode": name } } });
const model = (transitionStatus: string): More => ({ status: { modelStatus: { transitionStatus } } });
const seen = (observedGeneration: number): More => ({ status: { observedGeneration } });
const deleted = { deletionTimestamp: "2026-01-01T00:00:00Z" };
const [raw, standard] = [mode("RawDeployment"), mode("Standard")];

const core = "IngressReady=True PredictorReady=True Ready=True";
const knative = `${core} PredictorConfigurationReady=True PredictorRouteReady=True`;
const failing = "IngressReady=False PredictorReady=False Ready=False";
const waiting = "IngressReady=Unknown PredictorReady=Unknown Ready=Unknown";

type Row = readonly [what: string, object: InferenceService, verdicts: string];

/** `Stopped=False` is healthy to the newest only. */
const ready: readonly Row[] = [
  ["ready, as KServe v0.20 has it", service(`${core} Stopped=False`), "D D P H Current"],
  ["the same, RawDeployment", service(`${core} Stopped=False`, raw), "D D P H Current"],
  ["the same, Standard", service(`${core} Stopped=False`, standard), "D D P H Current"],
  ["the same, with Knative", service(`${knative} Stopped=False`), "D D P H Current"],
  ["ready, without Stopped", service(core), "P P H H Current"],
  ["the same, RawDeployment", service(core, raw), "P H H H Current"],
  ["the same, Standard", service(core, standard), "P P H H Current"],
  ["the same, with Knative", service(knative), "H H H H Current"],
  ["the same, with a transformer", service(`${core} TransformerReady=True`, raw), "P H H H Current"],
  ["Stopped unknown", service(`${core} Stopped=Unknown`, raw), "P P P P Current"],
];

/** One condition at a time; the newest two ask only for those that are there, and call no False Degraded. */
const conditions: readonly Row[] = [
  ["Ingress fails", service("IngressReady=False PredictorReady=True Ready=False", raw), "D D P P InProgress"],
  ["Ingress waits", service("IngressReady=Unknown PredictorReady=True Ready=Unknown", raw), "P P P P InProgress"],
  ["no word of the Ingress", service("PredictorReady=True Ready=True", raw), "P P H H Current"],
  ["predictor fails", service("IngressReady=True PredictorReady=False Ready=False", raw), "D D P P InProgress"],
  ["predictor waits", service("IngressReady=True PredictorReady=Unknown Ready=Unknown", raw), "P P P P InProgress"],
  ["no word of the predictor", service("IngressReady=True Ready=True", raw), "P P H H Current"],
  ["only Ready fails", service("IngressReady=True PredictorReady=True Ready=False", raw), "D D P P InProgress"],
  ["only Ready waits", service("IngressReady=True PredictorReady=True Ready=Unknown", raw), "P P P P InProgress"],
  ["no word of Ready", service("IngressReady=True PredictorReady=True", raw), "P P H H Current"],
  ["all fail", service(failing, raw), "D D P P InProgress"],
  ["all wait", service(waiting, raw), "P P P P InProgress"],
  ["no condition in the list", service(""), "P P H H Current"],
  ["no status yet", { ...service(""), status: undefined }, "P P P P Current"],
];

/** Why no condition may be added that is not True on a healthy service, not even those that kstatus knows. */
const more: readonly Row[] = [
  ["a condition more, True", service(`${core} RouteVerified=True`, raw), "P H H H Current"],
  ["a condition more, False", service(`${core} RouteVerified=False`, raw), "D D P P Current"],
  ["a condition more, Unknown", service(`${core} RouteVerified=Unknown`, raw), "P P P P Current"],
  ["Reconciling", service(`${core} Reconciling=True`, raw), "P H H H InProgress"],
  ["not Reconciling", service(`${core} Reconciling=False`, raw), "D D P P Current"],
  ["Stalled", service(`${core} Stalled=True`, raw), "P H H H Failed"],
];

/** The newest two go by modelStatus first; any word but UpToDate and InProgress is Degraded, also none. */
const models: readonly Row[] = [
  ["loaded", service(core, model("UpToDate")), "P P H H Current"],
  ["loading", service(waiting, model("InProgress")), "P P P P InProgress"],
  ["loading, a condition fails", service(failing, model("InProgress")), "D D P P InProgress"],
  ["the next is loading", service(core, model("InProgress")), "P P P P Current"],
  ["cannot load", service(failing, model("BlockedByFailedLoad")), "D D D D InProgress"],
  ["the next cannot load", service(core, model("BlockedByFailedLoad")), "P P D D Current"],
  ["cannot be built", service(failing, model("InvalidSpec")), "D D D D InProgress"],
  ["no word of the model", service(core, model("")), "P P D D Current"],
  ["modelStatus without a word", service(core, { status: { modelStatus: {} } }), "P P U U Current"],
];

const lives: readonly Row[] = [
  ["stopped, as KServe has it", service(`${failing} Stopped=True`, model("")), "D D D S InProgress"],
  ["stopped, without modelStatus", service(`${failing} Stopped=True`), "D D P S InProgress"],
  ["an older generation seen", service(knative, seen(1)), "H H H H InProgress"],
  ["no generation seen", service(knative, { status: { observedGeneration: undefined } }), "H H H H Current"],
  ["being deleted", service(knative, { metadata: deleted }), "P P P P Terminating"],
  ["being deleted while it fails", service(failing, { metadata: deleted }), "P P P P Terminating"],
];

const words: Readonly<Record<string, string>> = {
  H: "Healthy",
  P: "Progressing",
  D: "Degraded",
  S: "Suspended",
  U: "Unknown",
};

/** With the verdicts written out. */
export const statuses: readonly Row[] = [...ready, ...conditions, ...more, ...models, ...lives].map(
  ([what, object, verdicts]) => [what, object, verdicts.replace(/\b[A-Z]\b/g, (letter) => words[letter] ?? letter)],
);
