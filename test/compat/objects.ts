// SPDX-License-Identifier: Apache-2.0
// Objects of every kind of ours with the verdict of an API server that has our CRDs and no admission of ours: schema and
// CEL rules alone. The embedded server and a real kube-apiserver are asked the same.
import type { AnyObject } from "@serval/api";

export interface ObjectCase {
  readonly name: string;
  /** With apiVersion and kind; name and namespace are given by the test. */
  readonly object: Readonly<Record<string, unknown>>;
  /** Applied over the stored object: its verdict counts. */
  readonly update?: Readonly<Record<string, unknown>>;
  /** `<field path> <reason>` of every cause; empty: accepted. */
  readonly causes: readonly string[];
}

const of =
  (kind: string, version = "v1alpha1") =>
  (spec: object, more: object = {}): Readonly<Record<string, unknown>> => ({
    apiVersion: `serving.kserve.io/${version}`,
    kind,
    spec,
    ...more,
  });
const service = of("InferenceService", "v1beta1");
const runtime = of("ServingRuntime");
const clusterRuntime = of("ClusterServingRuntime");
const graph = of("InferenceGraph");
const trainedModel = of("TrainedModel");
const storageContainer = of("ClusterStorageContainer");
const cache = of("LocalModelCache");
const namespaceCache = of("LocalModelNamespaceCache");
const nodeGroup = of("LocalModelNodeGroup");
const node = of("LocalModelNode");
const llm = of("LLMInferenceService", "v1alpha2");
const oldLlm = of("LLMInferenceService");
const llmConfig = of("LLMInferenceServiceConfig", "v1alpha2");

const required = (path: string): string => `${path} FieldValueRequired`;
const invalid = (path: string): string => `${path} FieldValueInvalid`;
const unsupported = (path: string): string => `${path} FieldValueNotSupported`;

const model = { modelFormat: { name: "sklearn" }, storageUri: "s3://models/iris" };
/** CEL rules that were not evaluated because of the other causes. */
const unchecked = invalid("<nil>");

const predictor = (more: object) => service({ predictor: { model, ...more } });
const container = { name: "kserve-container", image: "example.com/server:1" };
const uri = "hf://org/model";
const cacheSpec = { sourceModelUri: uri, modelSize: "1Gi", nodeGroups: ["gpu"] };
const cacheCases = (kind: typeof cache, name: string): ObjectCase[] => [
  { name: `${name}: a cache`, object: kind(cacheSpec), causes: [] },
  {
    name: `${name}: without groups`,
    object: kind({ ...cacheSpec, nodeGroups: [] }),
    causes: [invalid("spec.nodeGroups")],
  },
  {
    name: `${name}: without a size`,
    object: kind({ sourceModelUri: uri, nodeGroups: ["a"] }),
    causes: [required("spec.modelSize"), unchecked],
  },
  {
    name: `${name}: a size that is none`,
    object: kind({ ...cacheSpec, modelSize: "big" }),
    causes: [invalid("spec.modelSize")],
  },
  {
    name: `${name}: another URI`,
    object: kind(cacheSpec),
    update: kind({ ...cacheSpec, sourceModelUri: "hf://org/other" }),
    causes: [invalid("spec.sourceModelUri")],
  },
  {
    name: `${name}: another size`,
    object: kind(cacheSpec),
    update: kind({ ...cacheSpec, modelSize: "2Gi" }),
    causes: [],
  },
];

const trigger = { type: "prometheus", metadata: { query: "up" } };
const scaled = (scaling: object) => llm({ model: { uri }, scaling: { maxReplicas: 3, ...scaling } });
const pool = (spec: object) => llm({ model: { uri }, router: { scheduler: { pool: { spec } } } });
const picker = { name: "epp", port: { number: 9002 } };
const selector = { matchLabels: { app: "llm" } };
const routeSpec = { rules: [{ backendRefs: [{ name: "svc", port: 80 }] }] };

export const objectCases: readonly ObjectCase[] = [
  { name: "isvc: a model", object: predictor({}), causes: [] },
  { name: "isvc: a legacy key", object: service({ predictor: { sklearn: { storageUri: "s3://m" } } }), causes: [] },
  {
    name: "isvc: own container without a name",
    object: service({ predictor: { containers: [{ image: "x" }] } }),
    causes: [required("spec.predictor.containers[0].name")],
  },
  { name: "isvc: no predictor", object: service({}), causes: [required("spec.predictor")] },
  {
    name: "isvc: replicas as text",
    object: predictor({ minReplicas: "1" }),
    causes: ["spec.predictor.minReplicas FieldValueTypeInvalid"],
  },
  {
    name: "isvc: a metric that is none",
    object: predictor({ scaleMetric: "gpu" }),
    causes: [unsupported("spec.predictor.scaleMetric")],
  },
  {
    name: "isvc: two faults",
    object: predictor({ name: "Bad", logger: { mode: "some" } }),
    causes: [unsupported("spec.predictor.logger.mode"), invalid("spec.predictor.name")],
  },
  {
    name: "isvc: canary",
    object: service({ predictor: { model }, canary: [{ predictor: { name: "b", model }, trafficPercent: 5 }] }),
    causes: [],
  },
  {
    name: "isvc: canary above 100",
    object: service({ predictor: { model }, canary: [{ predictor: { name: "b", model }, trafficPercent: 101 }] }),
    causes: [invalid("spec.canary[0].trafficPercent")],
  },
  {
    name: "isvc: the seed's canary percentage",
    object: service({ predictor: { model }, canaryTrafficPercent: 10 }),
    causes: [],
  },
  { name: "isvc: no URIs", object: predictor({ storageUris: [] }), causes: [invalid("spec.predictor.storageUris")] },
  {
    name: "isvc: a relative mount path",
    object: predictor({ storageUris: [{ uri, mountPath: "models" }] }),
    causes: [invalid("spec.predictor.storageUris[0].mountPath")],
  },
  {
    name: "isvc: an amount that is none",
    object: service({ predictor: { model: { ...model, resources: { limits: { cpu: "many" } } } } }),
    causes: [invalid("spec.predictor.model.resources.limits.cpu")],
  },

  { name: "runtime: a runtime", object: runtime({ containers: [container] }), causes: [] },
  { name: "runtime: without containers", object: runtime({}), causes: [required("spec.containers")] },
  {
    name: "runtime: priority 0",
    object: runtime({ containers: [container], supportedModelFormats: [{ name: "a", priority: 0 }] }),
    causes: [invalid("spec.supportedModelFormats[0].priority")],
  },
  {
    name: "runtime: multiModel",
    object: runtime({ containers: [container], multiModel: true, modelTTL: "30m" }),
    causes: [],
  },
  {
    name: "runtime: the seed's multiModel",
    object: runtime({ containers: [container], multiModel: { replicas: 2 } }),
    causes: [],
  },
  { name: "cluster runtime: a runtime", object: clusterRuntime({ containers: [container] }), causes: [] },
  {
    name: "cluster runtime: a container without a name",
    object: clusterRuntime({ containers: [{ image: "x" }] }),
    causes: [required("spec.containers[0].name")],
  },

  {
    name: "graph: a graph",
    object: graph({ nodes: { root: { routerType: "Sequence", steps: [{ serviceName: "a" }] } } }),
    causes: [],
  },
  { name: "graph: without nodes", object: graph({}), causes: [required("spec.nodes")] },
  {
    name: "graph: a router that is none",
    object: graph({ nodes: { root: { routerType: "Any" } } }),
    causes: [unsupported("spec.nodes.root.routerType")],
  },
  {
    name: "graph: a dependency that is none",
    object: graph({ nodes: { root: { routerType: "Sequence", steps: [{ serviceName: "a", dependency: "Weak" }] } } }),
    causes: [unsupported("spec.nodes.root.steps[0].dependency")],
  },

  {
    name: "trained model: a model",
    object: trainedModel({
      inferenceService: "a",
      model: { storageUri: "s3://m", framework: "sklearn", memory: "1Gi" },
    }),
    causes: [],
  },
  {
    name: "trained model: without memory",
    object: trainedModel({ inferenceService: "a", model: { storageUri: "s3://m", framework: "sklearn" } }),
    causes: [required("spec.model.memory")],
  },

  {
    name: "storage container: one",
    object: storageContainer({ container, supportedUriFormats: [{ prefix: "x://" }] }, { disabled: true }),
    causes: [],
  },
  {
    name: "storage container: without formats",
    object: storageContainer({ container }),
    causes: [required("spec.supportedUriFormats")],
  },

  ...cacheCases(cache, "cache"),
  ...cacheCases(namespaceCache, "namespace cache"),
  {
    name: "node group: a group",
    object: nodeGroup({
      storageLimit: "100Gi",
      persistentVolumeSpec: {
        accessModes: ["ReadWriteOnce"],
        capacity: { storage: "1Gi" },
        local: { path: "/models" },
      },
      persistentVolumeClaimSpec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
    }),
    causes: [],
  },
  {
    name: "node group: without volumes",
    object: nodeGroup({ storageLimit: "1Gi" }),
    causes: [required("spec.persistentVolumeClaimSpec"), required("spec.persistentVolumeSpec")],
  },
  { name: "node: a node", object: node({ localModels: [{ sourceModelUri: uri, modelName: "m" }] }), causes: [] },
  {
    name: "node: a model without a name",
    object: node({ localModels: [{ sourceModelUri: uri }] }),
    causes: [required("spec.localModels[0].modelName")],
  },

  { name: "llm: a model", object: llm({ model: { uri } }), causes: [] },
  { name: "llm: without a URI", object: llm({ model: {} }), causes: [required("spec.model.uri"), unchecked] },
  {
    name: "llm: replicas and scaling",
    object: llm({ model: { uri }, replicas: 1, scaling: { maxReplicas: 2, keda: { triggers: [trigger] } } }),
    causes: [invalid("spec")],
  },
  { name: "llm: no autoscaler", object: scaled({}), causes: [invalid("spec.scaling")] },
  {
    name: "llm: two autoscalers",
    object: scaled({ wva: { hpa: {} }, keda: { triggers: [trigger] } }),
    causes: [invalid("spec.scaling")],
  },
  {
    name: "llm: bounds that cross",
    object: scaled({ minReplicas: 4, keda: { triggers: [trigger] } }),
    causes: [invalid("spec.scaling")],
  },
  { name: "llm: the variant autoscaler", object: scaled({ wva: { hpa: {} } }), causes: [] },
  { name: "llm: two actuators", object: scaled({ wva: { hpa: {}, keda: {} } }), causes: [invalid("spec.scaling.wva")] },
  { name: "llm: no actuator", object: scaled({ wva: {} }), causes: [invalid("spec.scaling.wva")] },
  {
    name: "llm: idle above the minimum",
    object: scaled({ minReplicas: 1, wva: { keda: { idleReplicaCount: 1 } } }),
    causes: [invalid("spec.scaling")],
  },
  {
    name: "llm: idle below the minimum",
    object: scaled({ minReplicas: 2, wva: { keda: { idleReplicaCount: 1 } } }),
    causes: [],
  },
  {
    name: "llm: behaviour of the HPA without its name",
    object: scaled({ keda: { triggers: [trigger], advanced: { horizontalPodAutoscalerConfig: { behavior: {} } } } }),
    causes: [],
  },
  {
    name: "llm: a name for the HPA",
    object: scaled({ keda: { triggers: [trigger], advanced: { horizontalPodAutoscalerConfig: { name: "mine" } } } }),
    causes: [invalid("spec.scaling.keda")],
  },
  {
    name: "llm: modifiers beside the variant autoscaler",
    object: scaled({ wva: { keda: { advanced: { scalingModifiers: { formula: "a + b" } } } } }),
    causes: [invalid("spec.scaling.wva")],
  },
  {
    name: "llm: prefill with both",
    object: llm({ model: { uri }, prefill: { replicas: 1, scaling: { maxReplicas: 2, wva: { hpa: {} } } } }),
    causes: [invalid("spec.prefill")],
  },
  {
    name: "llm: parallelism 0",
    object: llm({ model: { uri }, parallelism: { tensor: 0 } }),
    causes: [invalid("spec.parallelism.tensor")],
  },
  {
    name: "llm: a group's name",
    object: llm({ model: { uri }, router: { route: { group: "A_b" } } }),
    causes: [invalid("spec.router.route.group")],
  },
  {
    name: "llm: an own route",
    object: llm({ model: { uri }, router: { route: { http: { spec: routeSpec } } } }),
    causes: [],
  },
  {
    name: "llm: a pool",
    object: pool({ selector, targetPorts: [{ number: 8000 }], endpointPickerRef: picker }),
    causes: [],
  },
  {
    name: "llm: a pool whose ports repeat",
    object: pool({ selector, targetPorts: [{ number: 8000 }, { number: 8000 }], endpointPickerRef: picker }),
    causes: [invalid("spec.router.scheduler.pool.spec.targetPorts")],
  },
  {
    name: "llm: a picker without a port",
    object: pool({ selector, targetPorts: [{ number: 8000 }], endpointPickerRef: { name: "epp" } }),
    causes: [invalid("spec.router.scheduler.pool.spec.endpointPickerRef")],
  },
  { name: "llm v1alpha1: a model", object: oldLlm({ model: { uri, criticality: "Critical" } }), causes: [] },
  {
    name: "llm v1alpha1: a criticality that is none",
    object: oldLlm({ model: { uri, criticality: "High" } }),
    causes: [unsupported("spec.model.criticality"), unchecked],
  },
  {
    name: "preset: only a template",
    object: llmConfig({ template: { containers: [{ name: "main", image: "x" }] } }),
    causes: [],
  },
  {
    name: "preset: placeholders where amounts stand",
    object: llmConfig({
      template: { containers: [{ name: "main", resources: { limits: { memory: "{{ .Spec.Memory }}" } } }] },
    }),
    causes: [],
  },
  {
    name: "preset: replicas and scaling",
    object: llmConfig({ replicas: 1, scaling: { maxReplicas: 2, wva: { hpa: {} } } }),
    causes: [invalid("spec")],
  },
];

/** The case's object under a name of its own. */
export const named = (
  object: Readonly<Record<string, unknown>>,
  name: string,
  namespace: string | undefined,
): AnyObject =>
  ({ ...object, metadata: { name, ...(namespace === undefined ? {} : { namespace }) } }) as unknown as AnyObject;
