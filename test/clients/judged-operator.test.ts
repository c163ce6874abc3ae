// SPDX-License-Identifier: Apache-2.0
// What Argo CD and Flux say, by their own engines, of every version of what our operator writes: the operator on the
// embedded API server, the kubelet and the gateway played.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import {
  configMapName,
  type InferenceService,
  inferenceGraphs,
  inferenceServices,
  type KubeObject,
  kserveNamespace,
  llmInferenceServices,
  type Pod,
  type ResourceType,
  resources,
  trainedModels,
} from "@serval/api";
import {
  acceptRoutes,
  conditionOf,
  emptied,
  type Home,
  isReady,
  namespace,
  readyPod,
  setPodStatus,
  sklearn,
  startHome,
} from "../operator/home.ts";
import { judgesProgram, ofReady } from "./judges/judges.ts";
import { judgedUntil, type Watched } from "./judges/watched.ts";

const program = await judgesProgram();

// Argo CD v2.8, v2.12, v2.13 and v3.6, then kstatus, which knows no way to tell that nobody has looked yet.
const unseen = "Progressing Progressing Progressing Progressing Current";
const starting = "Degraded Degraded Progressing Progressing InProgress";
const failed = "Degraded Degraded Degraded Degraded InProgress";
/** An edit that the operator has not seen. */
const awaited = "Degraded Degraded Progressing Healthy InProgress";
const asleep = "Degraded Degraded Degraded Suspended InProgress";
const leaving = "Progressing Progressing Progressing Progressing Terminating";

const failedPod = {
  phase: "Pending",
  initContainerStatuses: [
    {
      name: "storage-initializer",
      image: "",
      imageID: "",
      ready: false,
      restartCount: 0,
      state: { terminated: { exitCode: 1, reason: "Error", message: "No model found" } },
    },
  ],
} as Pod["status"];

const hasBegun = (isvc: InferenceService): boolean => conditionOf(isvc, "PredictorReady") !== "";
const isStopped = (isvc: InferenceService): boolean => conditionOf(isvc, "Stopped") === "True";
const hasReady = (status: string) => (object: KubeObject & { status?: unknown }) => {
  const { conditions = [] } = (object.status ?? {}) as { conditions?: { type: string; status: string }[] };
  return conditions.some((one) => one.type === "Ready" && one.status === status);
};

describe("what our operator writes, to Argo CD and Flux", {
  skip: program.startsWith("skip:") ? program.slice(5) : false,
}, () => {
  let home: Home;
  const stop = new AbortController();
  before(async () => {
    home = await startHome();
    acceptRoutes(home, stop.signal);
  });
  after(async () => {
    stop.abort();
    const kinds = [inferenceGraphs, trainedModels, llmInferenceServices, inferenceServices];
    await emptied(home, ...(kinds as unknown as ResourceType<KubeObject>[]));
    await home.close();
  });

  const of = <T extends KubeObject>(type: ResourceType<T>, name: string): Watched<T> => ({
    cluster: home.cluster,
    type,
    namespace,
    name,
    program,
  });
  /** What was said of the service until it is as `wanted`. */
  const said = (name: string, act: () => Promise<unknown>, wanted: (isvc: InferenceService) => boolean) =>
    judgedUntil(of(inferenceServices, name), act, wanted);
  const merged = (name: string, body: object) =>
    home.cluster.patch(inferenceServices, { namespace, name }, { type: "merge", body });
  const stopped = (value: "true" | null) => ({ metadata: { annotations: { "serving.kserve.io/stop": value } } });
  const pod = (app: string, status: Pod["status"]) => () => setPodStatus(home, `isvc.${app}`, status);
  const created = (isvc: InferenceService) => () => home.cluster.create(inferenceServices, isvc);

  it("a service starts, is ready, is stopped, starts again and goes", async () => {
    const isvc = sklearn("life", {}, { finalizers: ["serval.dev/test"] });
    assert.deepEqual(await said("life", created(isvc), hasBegun), [unseen, starting]);
    assert.deepEqual(await said("life", pod("life-predictor", readyPod), isReady), [starting, ofReady]);
    assert.deepEqual(await said("life", () => merged("life", stopped("true")), isStopped), [ofReady, asleep]);
    const isAwake = (next: InferenceService) => !isStopped(next);
    assert.deepEqual(await said("life", () => merged("life", stopped(null)), isAwake), [asleep, starting]);
    assert.deepEqual(await said("life", pod("life-predictor", readyPod), isReady), [starting, ofReady]);
    const isLeaving = ({ metadata }: InferenceService) => metadata.deletionTimestamp !== undefined;
    const leave = () => home.cluster.delete(inferenceServices, { namespace, name: "life" });
    assert.deepEqual(await said("life", leave, isLeaving), [ofReady, leaving]);
    await merged("life", { metadata: { finalizers: null } });
  });

  it("a service whose model cannot be had is Degraded, and Healthy when it can", async () => {
    const isvc = sklearn("bad");
    await said("bad", created(isvc), hasBegun);
    const isBlocked = ({ status }: InferenceService) => status?.modelStatus?.transitionStatus === "BlockedByFailedLoad";
    assert.deepEqual(await said("bad", pod("bad-predictor", failedPod), isBlocked), [starting, failed]);
    const good = { ...readyPod, initContainerStatuses: [] };
    const mended = await said("bad", pod("bad-predictor", good), isReady);
    assert.deepEqual(
      mended.filter((verdict) => verdict !== starting),
      [failed, ofReady],
    );
  });

  it("a service that nothing can serve is Degraded", async () => {
    const isvc = sklearn("quantum", { predictor: { model: { modelFormat: { name: "quantum" } } } });
    const isRefused = ({ status }: InferenceService) => status?.modelStatus?.transitionStatus === "InvalidSpec";
    const refused = "Progressing Progressing Degraded Degraded InProgress";
    assert.deepEqual(await said("quantum", created(isvc), isRefused), [unseen, refused]);
  });

  it("a new version is awaited; one that cannot be built is Degraded to Argo CD, and Flux goes by what serves", async () => {
    const changed = (model: object, generation: number) =>
      said(
        "edited",
        () => merged("edited", { spec: { predictor: { model } } }),
        ({ metadata, status }) => metadata.generation === generation && status?.observedGeneration === generation,
      );
    await said("edited", created(sklearn("edited")), hasBegun);
    await said("edited", pod("edited-predictor", readyPod), isReady);
    assert.deepEqual(await changed({ storageUri: "file:///models/two" }, 2), [ofReady, awaited, ofReady]);
    const refused = "Degraded Degraded Degraded Degraded Current";
    assert.deepEqual(await changed({ modelFormat: { name: "quantum" } }, 3), [ofReady, awaited, refused]);
  });

  it("a canary is Progressing until its pods are ready, then Healthy", async () => {
    const model = (uri: string) => ({ modelFormat: { name: "sklearn" }, storageUri: uri });
    const predictor = { name: "v1", model: model("file:///v1") };
    await said("split", created(sklearn("split", { predictor })), hasBegun);
    await said("split", pod("split-v1-predictor", readyPod), isReady);
    const canary = [{ trafficPercent: 20, predictor: { name: "v2", model: model("file:///v2") } }];
    const saw = (status: string) => (isvc: InferenceService) =>
      conditionOf(isvc, "CanaryPredictorReady").startsWith(status);
    const weighing = "Degraded Degraded Progressing Progressing Current";
    const change = () => merged("split", { spec: { canary } });
    assert.deepEqual(await said("split", change, saw("False")), [ofReady, awaited, weighing]);
    assert.deepEqual(await said("split", pod("split-v2-predictor", readyPod), saw("True")), [weighing, ofReady]);
  });

  it("a service with a transformer is Healthy", async () => {
    const transformer = { containers: [{ name: "kserve-container", image: "example.com/transformer" }] };
    await said("two", created(sklearn("two", { transformer })), hasBegun);
    await pod("two-predictor", readyPod)();
    assert.deepEqual((await said("two", pod("two-transformer", readyPod), isReady)).at(-1), ofReady);
  });

  it("Flux waits for graphs and trained models, which Argo CD has no rule for", async () => {
    const [isUnseen, isAwaited, isServed] = ["- - - - Current", "- - - - InProgress", "- - - - Current"];
    const steps = [{ serviceUrl: "http://a.example.com" }];
    const graph = {
      apiVersion: "serving.kserve.io/v1alpha1",
      kind: "InferenceGraph",
      metadata: { name: "flow", namespace },
      spec: { nodes: { root: { routerType: "Sequence" as const, steps } } },
    };
    const flow = of(inferenceGraphs, "flow");
    const draw = () => home.cluster.create(inferenceGraphs, graph);
    assert.deepEqual(await judgedUntil(flow, draw, hasReady("False")), [isUnseen, isAwaited]);
    assert.deepEqual(await judgedUntil(flow, pod("flow", readyPod), hasReady("True")), [isAwaited, isServed]);

    const model = { modelFormat: { name: "sklearn" }, resources: { limits: { memory: "1Gi" } } };
    await said("many", created(sklearn("many", { predictor: { model } })), hasBegun);
    const trained = {
      apiVersion: "serving.kserve.io/v1alpha1",
      kind: "TrainedModel",
      metadata: { name: "one", namespace },
      spec: { inferenceService: "many", model: { framework: "sklearn", memory: "1Mi", storageUri: "s3://models/one" } },
    };
    const one = of(trainedModels, "one");
    const train = () => home.cluster.create(trainedModels, trained);
    assert.deepEqual(await judgedUntil(one, train, hasReady("False")), [isUnseen, isAwaited]);
    const serve = pod("many-predictor", readyPod);
    assert.deepEqual(await judgedUntil(one, serve, hasReady("True")), [isAwaited, isServed]);
  });

  it("an LLMInferenceService, which nothing serves yet, is Degraded to the first Argo CD that has a rule", async () => {
    const llm = {
      apiVersion: "serving.kserve.io/v1alpha2",
      kind: "LLMInferenceService",
      metadata: { name: "big", namespace },
      spec: { model: { uri: "hf://org/model" } },
    } as never;
    const make = () => home.cluster.create(llmInferenceServices, llm);
    const said = await judgedUntil(of(llmInferenceServices, "big"), make, hasReady("False"));
    assert.deepEqual(said, ["- - - Progressing Current", "- - - Degraded InProgress"]);
  });

  it("without the condition Stopped of services that are not stopped, Argo CD since v2.13 finds them healthy", async () => {
    const modern = "Progressing Progressing Healthy Healthy Current";
    const quiet = (isvc: InferenceService): boolean => isReady(isvc) && conditionOf(isvc, "Stopped") === "";
    const isAwake = (isvc: InferenceService): boolean => !isStopped(isvc) && hasBegun(isvc);
    await said("calm", created(sklearn("calm")), hasBegun);
    assert.deepEqual((await said("calm", pod("calm-predictor", readyPod), isReady)).at(-1), ofReady);
    const data = { serval: JSON.stringify({ stoppedCondition: "whenStopped" }) };
    const configure = () =>
      home.cluster.patch(
        resources.configMaps,
        { namespace: kserveNamespace, name: configMapName },
        { type: "merge", body: { data } },
      );
    assert.deepEqual(await said("calm", configure, quiet), [ofReady, modern]);
    assert.equal((await said("calm", () => merged("calm", stopped("true")), isStopped)).at(-1), asleep);
    await said("calm", () => merged("calm", stopped(null)), isAwake);
    assert.equal((await said("calm", pod("calm-predictor", readyPod), quiet)).at(-1), modern);
  });
});
