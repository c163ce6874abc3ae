// SPDX-License-Identifier: Apache-2.0
// KServe's known weak spots, each shown not to be ours: `reconcile N` is row N of the list of weak spots of KServe's
// controllers, `users N` of the list of users' complaints. Rows about other parts of the product are named at the end.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  annotations,
  type Deployment,
  defaultInferenceService,
  type HTTPRoute,
  type InferenceGraph,
  type InferenceService,
  type Ingress,
  inferenceGraphFindings,
  inferenceServiceFindings,
  inferenceServiceWarnings,
  type KubeObject,
  labels,
  localModelNamespaceCaches,
  parseConfig,
  type ServingRuntime,
} from "@serval/api";
import { createAdmissionState } from "./admission-state.ts";
import { needsApply } from "./children/drift.ts";
import { graphStatus } from "./controllers/inference-graph/status.ts";
import { buildRoutes, buildWorkloads, wantedKeys } from "./controllers/inference-service/build.ts";
import { type Resolved, resolve } from "./controllers/inference-service/resolve.ts";
import { configOf, factsOf, type Known } from "./pod/testing/pod-context.ts";
import { admissionPlugins } from "./webhooks/index.ts";

type Json = Record<string, unknown>;

const runtime = (name: string, format: string, more: object = {}): ServingRuntime =>
  ({
    apiVersion: "serving.kserve.io/v1alpha1",
    kind: "ClusterServingRuntime",
    metadata: { name },
    spec: {
      supportedModelFormats: [{ name: format, version: "1", autoSelect: true }],
      protocolVersions: ["v1", "v2"],
      containers: [{ name: "kserve-container", image: "e/server:1", args: ["--model_name={{.Name}}"] }],
      ...more,
    },
  }) as ServingRuntime;
const worker = { workerSpec: { containers: [{ name: "worker-container", image: "e/server:1" }] } };
const runtimes = [runtime("sklearn", "sklearn"), runtime("many", "huggingface", worker)];

interface World {
  readonly spec?: object;
  readonly metadata?: object;
  readonly config?: Record<string, object>;
  readonly known?: Known;
  readonly catalog?: readonly ServingRuntime[];
  /** Deployments with an available replica. */
  readonly available?: readonly string[];
  readonly serves?: (kind: string) => boolean;
}

const model = (more: object = {}) => ({ modelFormat: { name: "sklearn" }, storageUri: "s3://b/m", ...more });
const stored = ({ spec = { predictor: { model: model() } }, metadata = {} }: World): InferenceService =>
  ({
    apiVersion: "serving.kserve.io/v1beta1",
    kind: "InferenceService",
    metadata: { name: "m", namespace: "ns", uid: "u", generation: 1, ...metadata },
    spec,
  }) as InferenceService;

function resolution(world: World) {
  const config = configOf({
    ingress: { enableGatewayApi: true, ingressDomain: "example.com", kserveIngressGateway: "kserve/gateway" },
    ...world.config,
  });
  const available = (name: string) =>
    world.available?.includes(name) === true
      ? ({ metadata: { name, generation: 1 }, status: { availableReplicas: 1, observedGeneration: 1 } } as Deployment)
      : undefined;
  return resolve({
    isvc: defaultInferenceService(stored(world), config),
    config,
    catalog: { namespaced: [], cluster: world.catalog ?? runtimes },
    facts: factsOf(world.known ?? {}),
    live: {
      serves: world.serves ?? (() => true),
      deployment: ({ name }) => available(name),
      service: () => undefined,
    },
  });
}

function resolved(world: World): Resolved {
  const found = resolution(world);
  if ("failure" in found) throw new Error(found.failure.message);
  return found.resolved;
}
const failure = (world: World): string => {
  const found = resolution(world);
  return "failure" in found ? found.failure.message : "no failure";
};
const workloads = (world: World): KubeObject[] => buildWorkloads(resolved(world));
const wanted = (world: World): string[] => [...wantedKeys(resolved(world), workloads(world))].toSorted();
const routes = (world: World): HTTPRoute[] => buildRoutes(resolved(world), () => true) as HTTPRoute[];
function deployment(world: World, name = "m-predictor"): Deployment {
  const found = workloads(world).find(({ kind, metadata }) => kind === "Deployment" && metadata.name === name);
  if (found === undefined) throw new Error(`no Deployment ${name}: ${wanted(world).join(", ")}`);
  return found as Deployment;
}
const pod = (world: World, name?: string) => deployment(world, name).spec?.template.spec;
const backends = (route: HTTPRoute | undefined): string[] =>
  (route?.spec.rules ?? []).flatMap(({ backendRefs = [] }) => backendRefs.map(({ name }) => name));
const refusal = (world: World): string =>
  inferenceServiceFindings(defaultInferenceService(stored(world), configOf()))
    .map(({ path, message }) => `${path}: ${message}`)
    .join("\n");
const warnings = (world: World): string => inferenceServiceWarnings(stored(world)).join("\n");

const transformer = { containers: [{ name: "kserve-container", image: "e/tr:1" }] };
const chain = { predictor: { model: model() }, transformer };
const split = {
  predictor: { name: "v1", model: model() },
  canary: [{ trafficPercent: 20, predictor: { name: "v2", model: model({ storageUri: "s3://b/v2" }) } }],
};
const group = {
  predictor: {
    model: { modelFormat: { name: "huggingface" }, storageUri: "pvc://c" },
    workerSpec: { pipelineParallelSize: 2 },
  },
};
const byNote = (notes: object) => ({ annotations: notes });
const graph = (nodes: object): string =>
  inferenceGraphFindings({
    apiVersion: "serving.kserve.io/v1alpha1",
    kind: "InferenceGraph",
    metadata: { name: "g", namespace: "ns" },
    spec: { nodes },
  } as InferenceGraph)
    .map(({ message }) => message)
    .join("\n");

const rows: readonly (readonly [row: string, what: string, test: () => void])[] = [
  [
    "reconcile 1",
    "workers and the Services of their group are wanted, not orphans of a canary",
    () => {
      const keys = wanted({ spec: group });
      for (const key of ["Deployment/m-predictor-worker", "Service/m-head-1", "Service/m-workers-1"])
        assert.ok(keys.includes(key), keys.join());
    },
  ],
  [
    "reconcile 2",
    "without its canary nothing of it is wanted, its autoscaler neither",
    () => assert.doesNotMatch(wanted({ spec: { predictor: split.predictor } }).join(), /v2/),
  ],
  [
    "reconcile 3",
    "a canary behind a transformer gets its traffic through one",
    () => {
      const spec = { ...split, transformer };
      const names = backends(
        routes({ spec, available: ["m-v2-predictor", "m-v2-transformer"] }).find(
          ({ metadata }) => metadata.name === "m",
        ),
      );
      assert.ok(names.includes("m-v2-transformer"), names.join());
      assert.doesNotMatch(names.join(), /predictor/);
    },
  ],
  [
    "reconcile 4",
    "a canary has a model with storageUris too",
    () => {
      const uris = [{ uri: "s3://b/v2", mountPath: "/mnt/models/a" }];
      const canary = [{ trafficPercent: 20, predictor: { name: "v2", storageUris: uris } }];
      const spec = {
        predictor: { name: "v1", model: { modelFormat: { name: "sklearn" } }, storageUris: uris },
        canary,
      };
      const [fetch] = pod({ spec }, "m-v2-predictor")?.initContainers ?? [];
      assert.match(fetch?.args?.join(" ") ?? "", /s3:\/\/b\/v2/);
    },
  ],
  [
    "reconcile 5",
    "the host of a service leads to its transformer, by Ingress too",
    () => {
      const config = { ingress: { enableGatewayApi: false, ingressDomain: "example.com", ingressClassName: "nginx" } };
      // The transformer's own host leads to the predictor, as KServe's: clients' hosts stay what they are.
      const [ingress] = buildRoutes(resolved({ spec: chain, config }), () => true) as Ingress[];
      const top = ingress?.spec?.rules?.find(({ host }) => host === "m-ns.example.com");
      assert.equal(top?.http?.paths[0]?.backend.service?.name, "m-transformer");
    },
  ],
  [
    "reconcile 7",
    "several nodes on a runtime for one are refused with a sentence",
    () => {
      const spec = { predictor: { ...group.predictor, model: { ...group.predictor.model, runtime: "one" } } };
      assert.match(failure({ spec, catalog: [runtime("one", "huggingface")] }), /workerSpec|worker/i);
    },
  ],
  [
    "reconcile 8",
    "a predictor without any implementation is refused, not a crash",
    () => assert.match(refusal({ spec: { predictor: {} } }), /[Ee]xactly one of/),
  ],
  [
    "reconcile 9",
    "absolute numbers of the roll-out strategy are numbers",
    () => {
      const defaultRollout = { maxSurge: "1", maxUnavailable: "2" };
      const config = { deploy: { deploymentRolloutStrategy: { defaultRollout } } };
      assert.deepEqual(deployment({ config }).spec?.strategy?.rollingUpdate, { maxSurge: 1, maxUnavailable: 2 });
    },
  ],
  [
    "reconcile 11",
    "a graph whose Deployment says Available=False is not Ready",
    () => {
      const conditions = [{ type: "Available", status: "False", reason: "MinimumReplicasUnavailable" }];
      const status = graphStatus({
        graph: { metadata: { name: "g", generation: 1 } } as InferenceGraph,
        now: new Date(0),
        isStopped: false,
        deployment: { metadata: { name: "g" }, status: { conditions } } as Deployment,
        pods: [],
        url: "http://g",
        problem: undefined,
      });
      assert.equal(status.conditions?.find(({ type }) => type === "Ready")?.status, "False");
    },
  ],
  [
    "reconcile 14",
    "arguments of the built-in explainer come once",
    () => {
      const spec = { predictor: { model: model() }, explainer: { art: { type: "SquareAttack", args: ["--nb", "1"] } } };
      const args = pod({ spec }, "m-explainer")?.containers[0]?.args ?? [];
      assert.equal(args.filter((arg) => arg === "--nb").length, 1);
    },
  ],
  [
    "reconcile 15",
    "what the API server fills in is no difference: nothing is written again",
    () => {
      const metadata = byNote({ [annotations.autoscalerClass]: "hpa" });
      for (const object of workloads({ metadata }).filter(({ kind }) => kind !== "Deployment")) {
        const copy = structuredClone(object) as KubeObject & { spec: Json };
        for (const port of (copy.spec["ports"] as Json[] | undefined) ?? []) port["protocol"] ??= "TCP";
        if (copy.kind === "HorizontalPodAutoscaler")
          copy.spec["behavior"] ??= { scaleDown: { policies: [{ type: "Percent", value: 100, periodSeconds: 15 }] } };
        Object.assign(copy.spec, { sessionAffinity: "None", ipFamilyPolicy: "SingleStack" });
        const entry = { manager: "serval-operator", operation: "Apply", fieldsV1: {} };
        const server = { ...copy, metadata: { ...copy.metadata, managedFields: [entry] } } as KubeObject;
        assert.equal(needsApply(object, server, "serval-operator"), false, object.kind);
      }
    },
  ],
  [
    "reconcile 16",
    "another autoscaler class wants only its own object",
    () => {
      const keys = wanted({ metadata: byNote({ [annotations.autoscalerClass]: "keda" }) });
      assert.ok(keys.includes("ScaledObject/m-predictor"), keys.join());
      assert.doesNotMatch(keys.join(), /HorizontalPodAutoscaler/);
    },
  ],
  [
    "reconcile 17",
    "a service that became internal wants no route, a removed transformer nothing",
    () => {
      const inside = wanted({ metadata: { labels: { [labels.visibility]: "cluster-local" } } });
      assert.doesNotMatch(inside.join(), /HTTPRoute|Ingress/);
      assert.doesNotMatch(wanted({}).join(), /transformer/);
    },
  ],
  [
    "reconcile 18",
    "LocalModelNamespaceCaches are validated",
    () => {
      const resource = { ...localModelNamespaceCaches, subresource: undefined };
      const request = { resource, operation: "CREATE" } as never;
      assert.ok(admissionPlugins(createAdmissionState()).some((plugin) => plugin.handles(request)));
    },
  ],
  [
    "reconcile 19",
    "the annotation that names the storage secret is the one of the ConfigMap, whichever installed it",
    () => {
      const spec = { predictor: { model: { modelFormat: { name: "sklearn" }, storage: { path: "m", key: "k" } } } };
      const data = { k: JSON.stringify({ type: "s3", bucket: "b" }) };
      for (const name of ["serving.kserve.io/storageSecretName", "serving.kserve.io/secretName"]) {
        const config = { credentials: { storageSecretNameAnnotation: name } };
        const world = { spec, config, metadata: byNote({ [name]: "own" }), known: { secrets: { own: { data } } } };
        assert.match(JSON.stringify(pod(world)), /"own"/);
      }
    },
  ],
  [
    "reconcile 21",
    "a malformed ConfigMap is a list of problems, not a crash",
    () => {
      const keys = ["ingress", "deploy", "storageInitializer", "logger", "batcher", "agent", "metricsAggregator"];
      for (const key of keys)
        for (const text of ["{", "[]", "null", '{"a":', '"x"']) {
          const { problems } = parseConfig({ [key]: text });
          assert.ok(problems.length > 0, `${key}: ${text}`);
        }
    },
  ],
  [
    "reconcile 22",
    "a format of one's own without a storageUri is no multi-model server",
    () => {
      const spec = { predictor: { model: { modelFormat: { name: "own" } } } };
      const catalog = [runtime("own", "own")];
      const names = pod({ spec, catalog })?.containers.map(({ name }) => name);
      assert.deepEqual(names, ["kserve-container"]);
    },
  ],
  [
    "reconcile 23",
    "header values of https credentials stay in their secret",
    () => {
      const data = { "https-host": "example.com", headers: "Authorization: Bearer hidden-value" };
      const known = {
        accounts: { sa: { secrets: [{ name: "web" }] } },
        secrets: { web: { data } },
      };
      const spec = { predictor: { serviceAccountName: "sa", model: model({ storageUri: "https://example.com/m" }) } };
      assert.doesNotMatch(JSON.stringify(pod({ spec, known })), /hidden-value/);
    },
  ],
  [
    "reconcile 24, users 43",
    "canaryTrafficPercent is no dead field: it is accepted without a warning where routes have weights",
    () =>
      assert.doesNotMatch(warnings({ spec: { predictor: { canaryTrafficPercent: 10, model: model() } } }), /ignored/),
  ],
  [
    "reconcile 25",
    "behaviour of the HPA is what the service says",
    () => {
      const behavior = { scaleDown: { stabilizationWindowSeconds: 7 } };
      const spec = { predictor: { minReplicas: 1, maxReplicas: 3, autoScaling: { behavior }, model: model() } };
      const hpa = workloads({ spec }).find(({ kind }) => kind === "HorizontalPodAutoscaler");
      assert.match(JSON.stringify(hpa), /"stabilizationWindowSeconds":7/);
    },
  ],
  [
    "reconcile 26",
    "scaling is validated without the class annotation",
    () =>
      assert.match(refusal({ spec: { predictor: { minReplicas: 3, maxReplicas: 2, model: model() } } }), /MinReplicas/),
  ],
  [
    "reconcile 27, users 86",
    "a service that no runtime fits says of each why not",
    () => {
      const spec = { predictor: { model: model({ modelFormat: { name: "sklearn", version: "9" } }) } };
      const text = failure({ spec });
      assert.match(text, /sklearn: it does not list the format sklearn:9 \(it lists sklearn:1\)/);
      assert.match(text, /many: .*sklearn/);
    },
  ],
  [
    "reconcile 31",
    "a placeholder that names nothing is an error, not <no value>",
    () => {
      const containers = [{ name: "kserve-container", image: "e/s:1", args: ['--x={{ index .Annotations "no" }}'] }];
      const catalog = [runtime("sklearn", "sklearn", { containers })];
      const found = resolution({ catalog });
      assert.doesNotMatch(JSON.stringify("resolved" in found ? workloads({ catalog }) : ""), /no value/);
    },
  ],
  [
    "reconcile 35",
    "a step of a graph that leads nowhere is refused",
    () => assert.notEqual(graph({ root: { routerType: "Sequence", steps: [{ name: "a", nodeName: "nowhere" }] } }), ""),
  ],
  [
    "users 6",
    "the pod is whole in its template: no webhook has to complete it",
    () => assert.equal(pod({})?.initContainers?.[0]?.name, "storage-initializer"),
  ],
  [
    "users 8",
    "without any runtime the reason says that there are none",
    () => assert.match(failure({ catalog: [] }), /there are no runtimes at all/),
  ],
  [
    "users 26",
    "credentials are in the pod only by reference",
    () => {
      const data = { awsAccessKeyID: "hidden-id", awsSecretAccessKey: "hidden-key" };
      const known = { accounts: { sa: { secrets: [{ name: "s3" }] } }, secrets: { s3: { data } } };
      const spec = { predictor: { serviceAccountName: "sa", model: model() } };
      const text = JSON.stringify(pod({ spec, known }));
      assert.match(text, /secretKeyRef/);
      assert.doesNotMatch(text, /hidden/);
    },
  ],
  [
    "users 27",
    "memory of the storage initializer can be raised for one service",
    () => {
      const notes = { "serving.kserve.io/storage-initializer-memory-limit": "9Gi" };
      const metadata = byNote({ ...notes, "storage-initializer-memory": "9Gi" });
      assert.ok(pod({ metadata })?.initContainers?.[0]?.resources?.limits?.["memory"] !== undefined);
    },
  ],
  [
    "users 30",
    "storageUris take every scheme that storageUri takes",
    () => {
      for (const uri of ["gs://b/m", "s3://b/m", "hf://o/m", "https://e/m", "pvc://c/m"]) {
        const spec = {
          predictor: {
            model: { modelFormat: { name: "sklearn" } },
            storageUris: [{ uri, mountPath: "/mnt/models/a" }],
          },
        };
        assert.notEqual(pod({ spec })?.containers[0]?.volumeMounts, undefined, uri);
      }
    },
  ],
  [
    "users 39",
    "replicas are left to the autoscaler",
    () =>
      assert.equal(deployment({ spec: { predictor: { minReplicas: 2, model: model() } } }).spec?.replicas, undefined),
  ],
  [
    "users 44",
    "a canary gets weight only when it is ready",
    () => {
      const top = (available: string[]) =>
        routes({ spec: split, available }).find(({ metadata }) => metadata.name === "m");
      assert.doesNotMatch(backends(top([])).join(), /v2/);
      assert.match(backends(top(["m-v2-predictor"])).join(), /v2/);
    },
  ],
  [
    "users 76",
    "an update does not refuse an invalid field that was there before",
    () => {
      const spec = { predictor: { minReplicas: 3, maxReplicas: 2, model: model() } };
      const before = stored({ spec });
      const after = { ...before, metadata: { ...before.metadata, labels: { touched: "yes" } } };
      assert.deepEqual(inferenceServiceFindings(after, before), []);
    },
  ],
];

describe("a weak spot that is not ours", () => {
  for (const [row, what, test] of rows) it(`${row}: ${what}`, test);
});

const elsewhere: readonly (readonly [row: string, why: string])[] = [
  ["reconcile 6", "the path template is KServe's, without a rewrite: recorded cases say so"],
  ["reconcile 10", "trained-model.test.ts: a model whose service is gone goes"],
  ["reconcile 13", "operator.test.ts: observedGeneration is the service's own"],
  ["reconcile 28", "operator.test.ts: a runtime that comes later is seen at once"],
  ["reconcile 20", "another issue: KServe's agent gets its own arguments unchanged"],
  ["reconcile 24", "another issue: scale to zero, concurrency and rps, analysis"],
  ["reconcile 30", "another issue: per-replica states and cost in the status"],
  ["reconcile 32", "another issue: many models on one server"],
  ["reconcile 36", "another issue: authentication, rate limits and quota"],
  ["users 1", "shown on a real cluster: webhooks are ready only when they serve"],
  ["users 34", "another issue: requests wait for a scaled-down service"],
  ["users 40", "another issue: metrics of one's own"],
  ["users 61", "another issue: API keys and tokens"],
];
describe("a weak spot that belongs elsewhere", () => {
  for (const [row, why] of elsewhere) it(row, { skip: why }, () => {});
});
