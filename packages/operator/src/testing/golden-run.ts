// SPDX-License-Identifier: Apache-2.0
// Runs one recorded case through defaulting, resolution and the builders, without a cluster, and lists what differs.
import {
  type AnyObject,
  defaultInferenceService,
  type InferenceService,
  type KubeObject,
  type PodSpec,
  parseConfig,
  type ServingConfig,
  type ServingRuntime,
} from "@serval/api";
import { buildRoutes, buildWorkloads } from "../controllers/inference-service/build.ts";
import { resolve } from "../controllers/inference-service/resolve.ts";
import { differences } from "./compare.ts";
import { type GoldenCase, goldenConfig, goldenFacts, goldenRuntimes } from "./golden.ts";

/** Kinds whose objects are compared; Pods through the Deployment's template. */
const compared: ReadonlySet<string> = new Set(["Deployment", "Service", "HorizontalPodAutoscaler", "HTTPRoute"]);
const keyOf = ({ kind, metadata }: KubeObject): string => `${kind}/${metadata.name}`;
const kindOf = (key: string): string => key.split("/")[0] ?? "";

const nothingLive = { deployment: () => undefined, service: () => undefined, serves: () => true };

interface Built {
  readonly stored: InferenceService[];
  readonly workloads: Map<string, KubeObject>;
  readonly routes: Map<string, KubeObject>;
}

function stored(input: AnyObject, config: ServingConfig): InferenceService {
  const metadata = { ...input.metadata, namespace: "golden", uid: "<uid>" };
  return defaultInferenceService({ ...input, metadata } as unknown as InferenceService, config);
}

function build(golden: GoldenCase, folder: string): Built {
  const { config } = parseConfig(goldenConfig(folder, golden.context.overrides));
  const inputs = golden.input ?? golden.steps?.[0]?.do.input ?? [];
  const runtimes = (kind: string): ServingRuntime[] =>
    [...goldenRuntimes(), ...inputs].filter((object) => object.kind === kind) as unknown as ServingRuntime[];
  const catalog = { namespaced: runtimes("ServingRuntime"), cluster: runtimes("ClusterServingRuntime") };
  const services = inputs.filter(({ kind }) => kind === "InferenceService").map((input) => stored(input, config));
  const built: Built = { stored: services, workloads: new Map(), routes: new Map() };
  for (const isvc of services) {
    const resolution = resolve({ isvc, config, catalog, facts: goldenFacts(inputs), live: nothingLive });
    if ("failure" in resolution) continue;
    for (const object of buildWorkloads(resolution.resolved)) built.workloads.set(keyOf(object), object);
    for (const object of buildRoutes(resolution.resolved, () => true)) built.routes.set(keyOf(object), object);
  }
  return built;
}

const templateOf = (deployment: KubeObject): { metadata: object; spec: PodSpec } =>
  (deployment as unknown as { spec: { template: { metadata: object; spec: PodSpec } } }).spec.template;

/** Our Deployment without its template, and the template against the Pod that KServe's webhook completed. */
function* deploymentDifferences(ours: KubeObject, theirs: AnyObject, golden: GoldenCase): Generator<string> {
  const withoutTemplate = (object: AnyObject) => ({
    ...object,
    spec: { ...(object["spec"] as object), template: undefined },
  });
  yield* differences(withoutTemplate(ours as AnyObject), withoutTemplate(theirs), keyOf(ours));
  const app = ours.metadata.labels?.["app"];
  const pods = Object.entries(golden.outputs ?? {}).filter(([key]) => kindOf(key) === "Pod");
  const pod = pods.map(([, object]) => object).find(({ metadata }) => metadata.labels?.["app"] === app);
  if (pod === undefined) return;
  const template = templateOf(ours);
  const path = `Pod of ${ours.metadata.name}`;
  yield* differences(template.spec, pod["spec"], path);
  yield* differences(
    (template.metadata as { annotations?: object }).annotations,
    pod.metadata.annotations,
    `${path} annotations`,
  );
}

function* setDifferences(
  ours: ReadonlyMap<string, KubeObject>,
  theirs: Readonly<Record<string, AnyObject>> = {},
  golden: GoldenCase,
): Generator<string> {
  for (const [key, object] of Object.entries(theirs)) {
    if (!compared.has(kindOf(key))) continue;
    const mine = ours.get(key);
    if (mine === undefined) yield `${key}: missing`;
    else if (kindOf(key) === "Deployment") yield* deploymentDifferences(mine, object, golden);
    else yield* differences(mine, object, key);
  }
  for (const key of ours.keys()) if (theirs[key] === undefined) yield `${key}: KServe makes none`;
}

/** Every difference; empty: the case passes. Routes are compared where KServe made them in the first `ready` step. */
export function* goldenDifferences(golden: GoldenCase, folder: string): Generator<string> {
  const built = build(golden, folder);
  for (const isvc of built.stored) {
    const theirs = golden.outputs?.[`InferenceService/${isvc.metadata.name}`];
    if (theirs === undefined) continue;
    yield* differences(isvc.spec, theirs["spec"], `InferenceService/${isvc.metadata.name}.spec`);
    yield* differences(isvc.metadata.annotations, theirs.metadata.annotations, "InferenceService annotations");
  }
  yield* setDifferences(built.workloads, golden.outputs, golden);
  const ready = golden.steps?.[1];
  const added = ready?.added ?? {};
  if (folder !== "raw-gateway" || ready?.do["ready"] !== true || Object.keys(added).length === 0) return;
  const routes = Object.fromEntries(Object.entries(added).filter(([key]) => kindOf(key) === "HTTPRoute"));
  yield* setDifferences(built.routes, routes, golden);
}
