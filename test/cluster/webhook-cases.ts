// SPDX-License-Identifier: Apache-2.0
// What a user applies and what kubectl prints: a table for a real kube-apiserver with the operator's webhooks.
import type { AnyObject } from "@serval/api";

export interface AdmissionCase {
  readonly name: string;
  readonly object: AnyObject;
  /** Texts of a refusal, or of warnings where `stored` is there too. */
  readonly prints?: readonly string[];
  /** Part of what is stored; undefined with `prints`: refused. */
  readonly stored?: object;
}

const make = (apiVersion: string, kind: string, name: string, spec: object): AnyObject => ({
  apiVersion: `serving.kserve.io/${apiVersion}`,
  kind,
  metadata: { name },
  spec,
});
const model = { modelFormat: { name: "sklearn" }, storageUri: "gs://bucket/model" };
const service = (
  name: string,
  predictor: object,
  annotations?: Record<string, string>,
  rest: object = {},
): AnyObject => {
  const object = make("v1beta1", "InferenceService", name, { predictor, ...rest });
  return annotations === undefined ? object : { ...object, metadata: { ...object.metadata, annotations } };
};
const validator = (kind: string): string =>
  `admission webhook "${kind}.kserve-webhook-server.validator" denied the request: `;
const isvc = validator("inferenceservice");

export const admissionCases: readonly AdmissionCase[] = [
  {
    name: "a plain model, with defaults",
    object: service("plain", { model }),
    stored: {
      metadata: {
        annotations: { "serving.kserve.io/deploymentMode": "Standard", modelFormat: "sklearn" },
      },
    },
  },
  {
    name: "the old spelling of a model",
    object: service("legacy", { sklearn: { storageUri: "gs://bucket/model" } }),
    stored: { spec: { predictor: { model: { modelFormat: { name: "sklearn" }, storageUri: "gs://bucket/model" } } } },
  },
  {
    name: "the old spelling of a mode",
    object: service("raw", { model }, { "serving.kserve.io/deploymentMode": "RawDeployment" }),
    stored: { metadata: { annotations: { "serving.kserve.io/deploymentMode": "Standard" } } },
  },
  {
    name: "a custom container without a name",
    object: service("custom", { containers: [{ name: "", image: "example/image" }] }),
    stored: { spec: { predictor: { containers: [{ name: "kserve-container" }] } } },
  },
  {
    name: "a misspelt annotation, with a warning",
    object: service("typo", { model }, { "serving.kserve.io/autoscalerclass": "hpa" }),
    prints: ["Warning: ", "serving.kserve.io/autoscalerclass"],
    stored: { metadata: { name: "typo" } },
  },
  {
    name: "a name with a digit in front",
    object: service("1st", { model }),
    prints: [isvc, 'the InferenceService "1st" is invalid', "SV1001 metadata.name"],
  },
  {
    name: "an unknown autoscaler class",
    object: service("scaler", { model }, { "serving.kserve.io/autoscalerClass": "magic" }),
    prints: [isvc, "[magic] is not a supported autoscaler class type", "SV1002 metadata.annotations"],
  },
  {
    name: "a blocked variable",
    object: service("blocked", { model: { ...model, env: [{ name: "PYTHONPATH", value: "/x" }] } }),
    prints: [isvc, "setting PYTHONPATH in container", "SV1003 spec.predictor.model"],
  },
  {
    name: "two storage settings",
    object: service("both", { model: { ...model }, storageUris: [{ uri: "gs://bucket/other" }] }),
    prints: [isvc, "SV1007 spec.predictor"],
  },
  {
    name: "no implementation",
    object: service("none", {}),
    prints: [isvc, "exactly one of [", "SV1009 spec.predictor"],
  },
  {
    name: "bounds of replicas the wrong way round",
    object: service("bounds", { model, minReplicas: 3, maxReplicas: 1 }),
    prints: [isvc, "'MinReplicas' cannot be greater than MaxReplicas", "SV1011 spec.predictor", "0 <= minReplicas"],
  },
  {
    name: "a negative concurrency",
    object: service("negative", { model, containerConcurrency: -1 }),
    prints: [isvc, "parallelism cannot be less than 0", "SV1012 spec.predictor.containerConcurrency"],
  },
  {
    name: "several findings at once, each with its path",
    object: service("several", { model, minReplicas: -1, containerConcurrency: -1 }),
    prints: [isvc, "SV1012 spec.predictor.containerConcurrency", "SV1011 spec.predictor.minReplicas"],
  },
  {
    name: "a logger of an unknown mode",
    object: service("logger", { model, logger: { mode: "some", url: "http://sink" } }),
    prints: ["spec.predictor.logger.mode"],
  },
  {
    name: "a runtime with a blocked variable",
    object: make("v1alpha1", "ClusterServingRuntime", "blocked", {
      containers: [{ name: "kserve-container", image: "example/image", env: [{ name: "PYTHONPATH", value: "/x" }] }],
      supportedModelFormats: [{ name: "sklearn" }],
    }),
    prints: [validator("clusterservingruntime"), "setting PYTHONPATH in container", "SV1003 spec.containers"],
  },
  {
    name: "a storage container that claims nothing",
    object: make("v1alpha1", "ClusterStorageContainer", "container", {
      container: { name: "storage-initializer", image: "example/image" },
      supportedUriFormats: [{ prefix: "x://" }],
    }),
    stored: { metadata: { name: "container" } },
  },
  {
    name: "a graph without a root",
    object: make("v1alpha1", "InferenceGraph", "graph", {
      nodes: { first: { routerType: "Sequence", steps: [{ serviceName: "a" }] } },
    }),
    prints: [validator("inferencegraph"), "SV1022 spec.nodes"],
  },
  {
    name: "a trained model without a usable URI",
    object: make("v1alpha1", "TrainedModel", "trained", {
      inferenceService: "parent",
      model: { framework: "sklearn", storageUri: "unknown://x", memory: "1Gi" },
    }),
    prints: [validator("trainedmodel"), "SV1021 spec.model.storageUri"],
  },
  {
    name: "a local model of a group that does not exist",
    object: make("v1alpha1", "LocalModelNamespaceCache", "local", {
      sourceModelUri: "hf://org/model",
      modelSize: "1Gi",
      nodeGroups: ["gpu"],
    }),
    prints: [validator("localmodelnamespacecache"), "NodeGroup gpu not found", "SV1023 spec.nodeGroups"],
  },
  {
    name: "an LLM service with half of its parallelism, as Kubernetes words it",
    object: make("v1alpha2", "LLMInferenceService", "half", {
      model: { uri: "hf://org/model" },
      parallelism: { data: 2 },
    }),
    prints: [
      'The LLMInferenceService "half" is invalid',
      "spec.parallelism.dataLocal",
      "dataLocal must be set when data is set (SV1025: ",
    ],
  },
  {
    name: "a preset that refers to presets",
    object: make("v1alpha2", "LLMInferenceServiceConfig", "preset", { baseRefs: [{ name: "other" }] }),
    prints: ["spec.baseRefs", "baseRefs is not a permitted field in LLMInferenceServiceConfig"],
  },
];
