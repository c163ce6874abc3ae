// SPDX-License-Identifier: Apache-2.0
// What users do with services, as data: each step is one edit, and the cluster comes to rest before the next one.
import {
  annotations,
  type InferenceGraph,
  type InferenceService,
  inferenceGraphs,
  inferenceServices,
  type KubeObject,
  labels,
  type ResourceType,
  resources,
  type TrainedModel,
  trainedModels,
} from "@serval/api";
import type { Cluster } from "@serval/kube";
import { sklearn } from "../home.ts";

export interface Step {
  readonly what: string;
  readonly act: (cluster: Cluster, namespace: string) => Promise<unknown>;
  /** Services and graphs that are Ready at rest, as `kind/name`; the step is meant to end so, whatever happens. */
  readonly ready: readonly string[];
}

export interface Story {
  readonly name: string;
  readonly steps: readonly Step[];
}

const model = (storageUri: string, more: object = {}) => ({ modelFormat: { name: "sklearn" }, storageUri, ...more });

const create =
  <T extends KubeObject>(type: ResourceType<T>, object: KubeObject): Step["act"] =>
  (cluster, namespace) =>
    cluster.create(type, { ...object, metadata: { ...object.metadata, namespace } } as T);
const service = (spec: object, metadata: object = {}) => create(inferenceServices, sklearn("svc", spec, metadata));
const patch =
  (type: ResourceType<KubeObject>, name: string, body: object): Step["act"] =>
  (cluster, namespace) =>
    cluster.patch(type, { namespace, name }, { type: "merge", body });
const edit = (spec: object, name = "svc") => patch(inferenceServices as never, name, { spec });
const annotate = (values: object) => patch(inferenceServices as never, "svc", { metadata: { annotations: values } });
const remove =
  (type: ResourceType<KubeObject>, name: string): Step["act"] =>
  (cluster, namespace) =>
    cluster.delete(type, { namespace, name });
const all =
  (...acts: readonly Step["act"][]): Step["act"] =>
  async (cluster, namespace) => {
    for (const act of acts) await act(cluster, namespace);
  };

const svc = ["InferenceService/svc"];
const step = (what: string, act: Step["act"], ready: readonly string[] = svc): Step => ({ what, act, ready });
const first = step("create", service({ predictor: { model: model("file:///v1") } }));

const graph: InferenceGraph = {
  apiVersion: "serving.kserve.io/v1alpha1",
  kind: "InferenceGraph",
  metadata: { name: "flow" },
  spec: { nodes: { root: { routerType: "Sequence", steps: [{ serviceName: "svc" }] } } },
};
const trained = (name: string): TrainedModel => ({
  apiVersion: "serving.kserve.io/v1alpha1",
  kind: "TrainedModel",
  metadata: { name },
  spec: {
    inferenceService: "svc",
    model: { framework: "sklearn", memory: "100Mi", storageUri: `s3://models/${name}` },
  },
});
const secret = (): KubeObject => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name: "gcs" },
  ...{ data: { "gcloud-application-credentials.json": "e30=" } },
});
const account = (): KubeObject => ({
  apiVersion: "v1",
  kind: "ServiceAccount",
  metadata: { name: "reader" },
  ...{ secrets: [{ name: "gcs" }] },
});
const manyNodes: Partial<InferenceService["spec"]> = {
  predictor: {
    model: { modelFormat: { name: "huggingface" }, storageUri: "pvc://claim/llm" },
    workerSpec: { pipelineParallelSize: 2, tensorParallelSize: 1 },
  },
};

export const stories: readonly Story[] = [
  {
    name: "create, edit, delete",
    steps: [
      first,
      step("edit", edit({ predictor: { model: model("file:///v2"), minReplicas: 2, maxReplicas: 3 } })),
      step("delete", remove(inferenceServices as never, "svc"), []),
    ],
  },
  {
    name: "canary, promote",
    steps: [
      first,
      step("canary", edit({ predictor: { canaryTrafficPercent: 10, model: model("file:///v2") } })),
      step("promote", edit({ predictor: { canaryTrafficPercent: null } })),
    ],
  },
  {
    name: "canary, roll back",
    steps: [
      first,
      step("canary", edit({ canaryTrafficPercent: 30, predictor: { model: model("file:///v2") } })),
      step("roll back", edit({ canaryTrafficPercent: null, predictor: { model: model("file:///v1") } })),
    ],
  },
  {
    name: "declared canaries",
    steps: [
      step(
        "create",
        service({
          predictor: { name: "v1", model: model("file:///v1") },
          canary: [{ trafficPercent: 20, predictor: { name: "v2", model: model("file:///v2") } }],
        }),
      ),
      step("promote", edit({ canary: null, predictor: { name: "v2", model: model("file:///v2") } })),
    ],
  },
  {
    name: "stop, resume",
    steps: [
      first,
      step("stop", annotate({ [annotations.stop]: "true" }), []),
      step("resume", annotate({ [annotations.stop]: null })),
    ],
  },
  {
    name: "transformer comes and goes",
    steps: [
      first,
      step("add", edit({ transformer: { containers: [{ name: "kserve-container", image: "e/tr:1" }] } })),
      step("remove", edit({ transformer: null })),
    ],
  },
  {
    name: "another autoscaler, another visibility",
    steps: [
      first,
      step("no autoscaler", annotate({ [annotations.autoscalerClass]: "none" })),
      step(
        "internal",
        patch(inferenceServices as never, "svc", { metadata: { labels: { [labels.visibility]: "cluster-local" } } }),
      ),
      step(
        "back",
        patch(inferenceServices as never, "svc", {
          metadata: { annotations: { [annotations.autoscalerClass]: null }, labels: { [labels.visibility]: null } },
        }),
      ),
    ],
  },
  {
    name: "credentials",
    steps: [
      step(
        "create",
        all(
          create(resources.secrets, secret()),
          create(resources.serviceAccounts, account()),
          service({ predictor: { serviceAccountName: "reader", model: model("gs://b/m") } }),
        ),
      ),
      step("delete", remove(inferenceServices as never, "svc"), []),
    ],
  },
  {
    name: "graph",
    steps: [
      step("create", all(create(inferenceGraphs, graph), service({ predictor: { model: model("file:///v1") } })), [
        ...svc,
        "InferenceGraph/flow",
      ]),
      step("edit", patch(inferenceGraphs as never, "flow", { spec: { timeout: 30 } }), [...svc, "InferenceGraph/flow"]),
      step("delete", remove(inferenceGraphs as never, "flow")),
    ],
  },
  {
    name: "trained models",
    steps: [
      step(
        "create",
        all(
          service({
            predictor: { model: { modelFormat: { name: "sklearn" }, resources: { limits: { memory: "1Gi" } } } },
          }),
          create(trainedModels, trained("one")),
          create(trainedModels, trained("two")),
        ),
        [...svc, "TrainedModel/one", "TrainedModel/two"],
      ),
      step("delete one", remove(trainedModels as never, "one"), [...svc, "TrainedModel/two"]),
      step("delete all", remove(inferenceServices as never, "svc"), []),
    ],
  },
  {
    name: "several nodes",
    steps: [
      step("create", service(manyNodes, { annotations: { [annotations.autoscalerClass]: "none" } })),
      step("edit", edit({ predictor: { workerSpec: { pipelineParallelSize: 3 } } })),
    ],
  },
];
