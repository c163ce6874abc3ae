// SPDX-License-Identifier: Apache-2.0
// The twelve rows of the troubleshooting table, each symptom made in a running home and its explanation read where people
// look: status, event, `serval describe`, `serval doctor`. Pods really run where one machine can; where a row needs
// another node, a registry or a cloud, the pod is bound to a node that is not there and the test plays its kubelet.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { pathToFileURL } from "node:url";
import { type InferenceService, inferenceServices, labels, type Pod, type ResourceType, resources } from "@serval/api";
import { type Cluster, createCluster, createInformer, loadKubeconfig, remoteTransport } from "@serval/kube";
import { Home, root, servalBin, within } from "./home.ts";

type Status = NonNullable<InferenceService["status"]>;

const namespace = "default";
const iris = pathToFileURL(join(root, "examples/models/iris-svc")).href;
/** Its kubelet is the test. */
const elsewhere = "elsewhere";
const long = "2026-01-01T00:00:00Z";

const service = (name: string, predictor: object, annotations: Record<string, string> = {}, more: object = {}) => ({
  apiVersion: "serving.kserve.io/v1beta1",
  kind: "InferenceService",
  metadata: { name, namespace, annotations },
  spec: { predictor, ...more },
});
const sklearn = (more: object = {}, predictor: object = {}) => ({
  model: { modelFormat: { name: "sklearn" }, storageUri: iris, ...more },
  ...predictor,
});
/** A container that really runs this script. */
const script = (text: string) => ({
  containers: [{ name: "kserve-container", image: "busybox:1", command: ["sh", "-c", text] }],
});
/** One that serves: nothing, to whoever asks. */
const server = (more: object = {}, before = "") => {
  const text = `${before}require("http").createServer((_, answer) => answer.end()).listen(8080, process.env.POD_IP)`;
  return { containers: [{ name: "kserve-container", image: "node:24", command: ["node", "-e", text], ...more }] };
};
const failed = (message: string, more: object = {}) => ({
  image: "e/m:1",
  imageID: "",
  ready: false,
  restartCount: 1,
  state: { terminated: { exitCode: 1, reason: "Error", message, startedAt: long, finishedAt: long, ...more } },
});

const reasonOf = ({ status }: InferenceService): string | undefined => status?.serval?.reason;
const isReady = ({ status }: InferenceService): boolean =>
  status?.conditions?.some(({ type, status: truth }) => type === "Ready" && truth === "True") === true;

describe("the troubleshooting table", () => {
  let home: Home;
  let cluster: Cluster;
  const stop = new AbortController();

  before(async () => {
    home = await Home.make();
    await home.ready();
    cluster = createCluster(remoteTransport(await loadKubeconfig(home.kubeconfig)), "serval-e2e");
  });
  after(async () => {
    stop.abort();
    await cluster?.[Symbol.asyncDispose]();
    await home.close();
  });

  async function apply(object: { metadata: { name: string } }): Promise<string> {
    const args = [servalBin, "apply", "-f", "-", "--data-dir", home.dataDir];
    const { code, stderr } = await home.run(process.execPath, args, JSON.stringify(object));
    assert.equal(code, 0, stderr);
    return object.metadata.name;
  }
  const until = (
    name: string,
    what: string,
    isWanted: (isvc: InferenceService) => boolean,
  ): Promise<InferenceService> =>
    home.until<InferenceService>(what, name, isWanted, inferenceServices as ResourceType<InferenceService>);

  /** Plays the kubelet of the node elsewhere. */
  async function play(name: string, status: Pod["status"]): Promise<void> {
    const abort = new AbortController();
    const labelSelector = `${labels.inferenceService}=${name}`;
    const pods = createInformer(cluster, resources.pods, { labelSelector, signal: abort.signal });
    const pod = await within(
      `a pod of ${name}`,
      new Promise<Pod>((resolve) => pods.onChange(({ object }) => resolve(object))),
    );
    abort.abort();
    const key = { namespace, name: pod.metadata?.name ?? "" };
    await cluster.patch(resources.pods, key, { type: "merge", body: { status } }, { subresource: "status" });
  }

  const configure = (data: Record<string, unknown>): Promise<unknown> =>
    cluster.patch(
      resources.configMaps,
      { namespace: "kserve", name: "inferenceservice-config" },
      {
        type: "merge",
        body: { data: Object.fromEntries(Object.entries(data).map(([key, value]) => [key, JSON.stringify(value)])) },
      },
    );

  interface Told {
    readonly reason: string;
    readonly message: RegExp;
    readonly fix: RegExp;
  }
  const plain = (text: string): string => text.replace(/\s+/g, " ");
  async function describeAndDoctor(name: string, { reason, fix }: Told): Promise<void> {
    const described = await home.serval("describe", "isvc", name);
    assert.equal(described.code, 0, described.stderr);
    for (const pattern of [new RegExp(reason), fix]) assert.match(plain(described.stdout), pattern);
    const doctor = await home.serval("doctor", "-o", "json");
    const report = JSON.parse(doctor.stdout) as {
      services: { service: string; findings: { reason: string; fix: string; severity: string }[] }[];
    };
    const findings = report.services.find((one) => one.service === `${namespace}/${name}`)?.findings ?? [];
    const finding = findings.find((one) => one.reason === reason);
    assert.match(finding?.fix ?? "", fix, JSON.stringify(findings));
    if (finding?.severity === "problem") assert.equal(doctor.code, 1);
  }
  /** Everywhere where people look. */
  async function explained(name: string, told: Told): Promise<void> {
    const { status } = await until(name, told.reason, (isvc) => reasonOf(isvc) === told.reason);
    const { code, message = "", fix = "" } = (status as Status).serval ?? {};
    assert.match(message, told.message);
    assert.match(fix, told.fix);
    const event = await within("the event", eventOf(name, code ?? "none"));
    assert.match(event, told.fix);
    await describeAndDoctor(name, told);
  }
  async function eventOf(name: string, code: string): Promise<string> {
    const abort = new AbortController();
    const events = createInformer(cluster, resources.coreEvents, { signal: abort.signal });
    const message = await new Promise<string>((resolve) =>
      events.onChange(({ object: { involvedObject, message: text = "" } }) => {
        if (involvedObject.name === name && text.includes(`(${code}: `)) resolve(text);
      }),
    );
    abort.abort();
    return message;
  }

  it("a fresh home is healthy: doctor ends with 0, in 80 columns and without colour; of a cluster it misses the operator's lease", async () => {
    const { code, stdout } = await home.serval("doctor");
    assert.equal(code, 0, stdout);
    assert.match(stdout, /0 of 0 services ready, 0 problems$/m);
    const wide = stdout.split("\n").filter((line) => line.length > 80 && line.includes(" ", 30));
    assert.deepEqual(wide, []);
    assert.equal(stdout.includes("\u001b"), false);
    const asCluster = await home.run(process.execPath, [servalBin, "doctor", "--kubeconfig", home.kubeconfig]);
    assert.equal(asCluster.code, 1, asCluster.stdout);
    assert.match(asCluster.stdout, /✗ SV8005 OperatorMissing/);
    const nowhere = await home.run(process.execPath, [servalBin, "doctor", "--data-dir", join(home.dataDir, "none")]);
    assert.equal(nowhere.code, 1);
    assert.match(nowhere.stdout, /✗ SV8003 ApiUnreachable[\s\S]*serval up/);
  });
  it("wrong configuration is found", async () => {
    await configure({ deploy: { defaultDeploymentMode: "Nowhere" } });
    const { code, stdout } = await home.serval("doctor");
    await configure({ deploy: { defaultDeploymentMode: "Standard" } });
    assert.equal(code, 1);
    assert.match(
      plain(stdout),
      /SV6001 InvalidConfig ConfigMap kserve\/inferenceservice-config, .*deploy\S*: .*Fix: Set it to Standard/,
    );
  });

  it("row 1, LatestDeploymentReady=False: the GPU is not there", async () => {
    const resources = { limits: { "nvidia.com/gpu": "1" } };
    const name = await apply(service("row1-gpu", sklearn({ resources })));
    await explained(name, {
      reason: "DeviceMissing",
      message: /asks for 1 nvidia\.com\/gpu and none of the 1 node\(s\) offers any/,
      fix: /add a node that offers it/,
    });
    await apply(service("row1-gpu", sklearn()));
    const { status } = await until(name, "readiness", isReady);
    assert.equal(status?.serval, undefined);
  });
  it("row 1, the image cannot be pulled (kubelet of another node played: there is no registry here)", async () => {
    const name = await apply(service("row1-image", sklearn({}, { nodeName: elsewhere })));
    const message = "failed to pull image: unexpected status from HEAD request: 401 Unauthorized";
    const waiting = { ...failed(""), state: { waiting: { reason: "ErrImagePull", message } } };
    await play(name, { phase: "Pending", containerStatuses: [{ ...waiting, name: "kserve-container" }] } as never);
    await explained(name, { reason: "ImagePullDenied", message: /401 Unauthorized/, fix: /imagePullSecrets/ });
  });

  it("row 2, a cold start outlasts the client: told before it happens, by describe and doctor; a service that serves has no trouble in its status", async () => {
    const name = await apply(service("row2", sklearn({}, { minReplicas: 0 })));
    await until(name, "readiness", isReady);
    await describeAndDoctor(name, { reason: "ColdStart", message: /./, fix: /Set minReplicas: 1/ });
  });

  it("row 3, the storage initializer is out of memory (kubelet of another node played: its limit is not for real here), and the fix is in force", async () => {
    const name = await apply(service("row3", sklearn({}, { nodeName: elsewhere })));
    const status = { ...failed("", { exitCode: 137, reason: "OOMKilled" }), name: "storage-initializer" };
    await play(name, { phase: "Pending", initContainerStatuses: [status] } as never);
    const annotation = "serving.kserve.io/storage-initializer-memory";
    await explained(name, {
      reason: "OutOfMemory",
      message: /storage initializer of pod row3-\S+ was killed for using too much memory/,
      fix: /serving\.kserve\.io\/storage-initializer-memory: 8Gi/,
    });
    await apply(service("row3", sklearn({}, { nodeName: elsewhere }), { [annotation]: "8Gi" }));
    await home.until(
      "8Gi",
      "row3-predictor",
      (object) => JSON.stringify(object).includes('"memory":"8Gi"'),
      resources.deployments as ResourceType as never,
    );
  });

  it("row 4, the storage refuses: a real download of a 403", async () => {
    const storage = createServer((_request, response) => response.writeHead(403).end("no")).listen(0, "127.0.0.1");
    await once(storage, "listening");
    const storageUri = `http://127.0.0.1:${(storage.address() as AddressInfo).port}/model.joblib`;
    const name = await apply(service("row4-http", sklearn({ storageUri })));
    await explained(name, { reason: "StorageAccessDenied", message: /HTTP access denied for/, fix: /./ });
    (storage as Server).close();
  });
  it("row 4, S3 403 of KServe's Python initializer (kubelet of another node played: there is no S3 here)", async () => {
    const storageUri = "s3://models/iris";
    const name = await apply(service("row4-s3", sklearn({ storageUri }, { nodeName: elsewhere })));
    const message =
      "botocore.exceptions.ClientError: An error occurred (403) when calling the HeadObject operation: Forbidden";
    const status = { ...failed(message), name: "storage-initializer" };
    await play(name, { phase: "Pending", initContainerStatuses: [status] } as never);
    await explained(name, {
      reason: "StorageAccessDenied",
      message: /\(s3:\/\/models\/iris\) ended with exit code 1: .*403/,
      fix: /Annotate ServiceAccount default \(namespace default\) with eks\.amazonaws\.com\/role-arn.*s3:GetObject/,
    });
  });

  it("row 5, the runtime does not exist, and it serves once the name is right", async () => {
    const name = await apply(service("row5", sklearn({ runtime: "nobody" })));
    await explained(name, {
      reason: "RuntimeNotRecognized",
      message: /No ServingRuntimes or ClusterServingRuntimes with the name: nobody/,
      fix: /kubectl get clusterservingruntimes/,
    });
    await apply(service("row5", sklearn({ runtime: "serval-sklearn" })));
    const { status } = await until(name, "readiness", isReady);
    assert.equal(status?.serval, undefined);
  });

  it("row 6, the autoscaler has no metric: a container asks for no CPU", async () => {
    const name = await apply(service("row6", { ...server(), scaleMetric: "cpu", minReplicas: 1, maxReplicas: 3 }));
    await until(name, "readiness", isReady);
    await explained(name, {
      reason: "ScalingWithoutMetrics",
      message:
        /HorizontalPodAutoscaler row6-predictor does not scale .*missing request for cpu in container kserve-container/,
      fix: /Set resources\.requests\.cpu of the container kserve-container/,
    });
  });
  it("row 6, concurrency is asked for and the HPA takes the CPU: told by describe and doctor", async () => {
    const scale = { scaleMetric: "concurrency", scaleTarget: 80, minReplicas: 1, maxReplicas: 3 };
    const name = await apply(service("row6-cpu", sklearn({}, scale), { "serving.kserve.io/autoscalerClass": "hpa" }));
    await until(name, "readiness", isReady);
    await describeAndDoctor(name, { reason: "ScalesOnCpu", message: /./, fix: /autoscalerClass: keda/ });
  });

  it("row 8, a mesh sidecar in every request (a container of that name: there is no Istio here): told by describe and doctor", async () => {
    const containers = [
      ...server().containers,
      { name: "istio-proxy", image: "busybox:1", command: ["sh", "-c", "sleep 600"] },
    ];
    const name = await apply(service("row8", { containers }));
    await until(name, "readiness", isReady);
    await describeAndDoctor(name, { reason: "SidecarOverhead", message: /./, fix: /sidecar\.istio\.io\/inject/ });
  });

  it("row 10, several nodes hang with a small /dev/shm (kubelets of other nodes played: there is no GPU here)", async () => {
    const predictor = {
      nodeName: elsewhere,
      model: { modelFormat: { name: "huggingface" }, storageUri: "pvc://claim/llm" },
      workerSpec: { pipelineParallelSize: 2, tensorParallelSize: 1, nodeName: elsewhere },
    };
    const name = await apply(service("row10", predictor));
    const message = "NCCL WARN Error while creating shared memory segment /dev/shm/nccl-7: No space left on device";
    await play(name, {
      phase: "Running",
      containerStatuses: [{ ...failed(message), name: "kserve-container" }],
    } as never);
    await explained(name, {
      reason: "SharedMemoryTooSmall",
      message: /nccl-7: No space left/,
      fix: /8Gi or more at \/dev\/shm/,
    });
  });

  it("row 11, MODEL_NOT_LOADED (a server that says so: ModelMesh is not in this release)", async () => {
    const name = await apply(service("row11", script("echo MODEL_NOT_LOADED iris; exit 1")));
    await explained(name, {
      reason: "ModelNotLoaded",
      message: /MODEL_NOT_LOADED iris/,
      fix: /modelTTL.*multiModel\.replicas/,
    });
  });
  it("row 11, the mode ModelMesh says that this release does not serve it", async () => {
    const name = await apply(service("row11-mode", sklearn(), { "serving.kserve.io/deploymentMode": "ModelMesh" }));
    await explained(name, { reason: "ModeNotSupported", message: /is ModelMesh/, fix: /Standard/ });
  });

  it("row 12, the server wants OPENAI_API_KEY, and serves with it", async () => {
    const text = 'if (!process.env.OPENAI_API_KEY) { console.error("OPENAI_API_KEY required"); process.exit(1); } ';
    const name = await apply(service("row12", server({}, text)));
    await explained(name, {
      reason: "ApiKeyRequired",
      message: /ended with exit code 1: OPENAI_API_KEY required/,
      fix: /--api-key=EMPTY.*OPENAI_API_KEY/,
    });
    await apply(service("row12", server({ env: [{ name: "OPENAI_API_KEY", value: "EMPTY" }] }, text)));
    const { status } = await until(name, "readiness", isReady);
    assert.equal(status?.serval, undefined);
  });

  it("row 9, the URL answers 404: the configured Gateway does not exist, and the service is reached once it does", async () => {
    const stored = await cluster.get(resources.configMaps, { namespace: "kserve", name: "inferenceservice-config" });
    const ingress = JSON.parse(stored?.data?.["ingress"] ?? "{}") as Record<string, unknown>;
    await configure({ ingress: { ...ingress, kserveIngressGateway: "kserve/outside" } });
    const name = await apply(service("row9", sklearn()));
    await explained(name, {
      reason: "GatewayMissing",
      message: /Gateway kserve\/outside, which the route names, does not exist/,
      fix: /Create the Gateway/,
    });
    await configure({ ingress });
    await until(name, "readiness", isReady);
    await home.askUntil(`/serving/${namespace}/row9/v1/models`, 200);
  });

  it("row 7, the canary's split takes no effect: an Ingress has no weights", async () => {
    const stored = await cluster.get(resources.configMaps, { namespace: "kserve", name: "inferenceservice-config" });
    const ingress = JSON.parse(stored?.data?.["ingress"] ?? "{}") as Record<string, unknown>;
    const canary = [{ trafficPercent: 20, predictor: { name: "next", ...sklearn(), minReplicas: 1 } }];
    await configure({ ingress: { ...ingress, enableGatewayApi: false } });
    const name = await apply(service("row7", sklearn(), {}, { canary }));
    await explained(name, {
      reason: "WeightsNotSupported",
      message: /traffic split of the canary cannot take effect/,
      fix: /ingress\.enableGatewayApi: true/,
    });
    await configure({ ingress });
  });
});
