// SPDX-License-Identifier: Apache-2.0
// The services that KServe serves before the take-over: one model, in the shapes that users give them.
import { type AnyObject, images } from "@serval/api";
import type { Target } from "../../real/load.ts";
import { traefikUrl } from "../../real/traefik.ts";

export const namespace = "takeover";

/** These are changed between the two hand-overs. */
export const edited = { spec: "edited", env: "env-removed", canary: "canary" } as const;

const modelUri = "pvc://models/iris-svc";
export const keptEnv = [{ name: "KEPT", value: "1" }];
export const requests = { cpu: "10m", memory: "64Mi" };

interface RealShape {
  readonly name: string;
  readonly predictor?: object;
  /** Fields of the model; undefined: a plain one; null: the predictor has a container of its own. */
  readonly model?: object | null;
  /** Beside the predictor. */
  readonly rest?: object;
}

/** A program of the user's, which finds the model where KServe puts it for the variable. */
const container = (...args: readonly string[]): object => ({
  name: "kserve-container",
  image: images.modelServer,
  args: [...args, "--model_dir=/mnt/models", "--http_port=8080"],
  env: [{ name: "STORAGE_URI", value: modelUri }],
  resources: { requests },
});

/** Of the namespace, under another name than any of the cluster's. */
export const runtimeName = "team-sklearn";
export const runtime: AnyObject = {
  apiVersion: "serving.kserve.io/v1alpha1",
  kind: "ServingRuntime",
  metadata: { name: runtimeName, namespace },
  spec: {
    supportedModelFormats: [{ name: "sklearn", version: "1" }],
    protocolVersions: ["v1"],
    containers: [
      {
        name: "kserve-container",
        image: images.modelServer,
        args: ["--model_name={{.Name}}", "--model_dir=/mnt/models", "--http_port=8080"],
      },
    ],
  },
};

const shapes: readonly RealShape[] = [
  { name: "plain" },
  { name: "two-pods", predictor: { minReplicas: 2, maxReplicas: 2 } },
  { name: "env", model: { env: keptEnv } },
  { name: "scaled", predictor: { minReplicas: 1, maxReplicas: 3, scaleMetric: "cpu", scaleTarget: 80 } },
  { name: "labelled", predictor: { labels: { team: "red" }, annotations: { "example.com/owner": "red" } } },
  { name: "own-runtime", model: { runtime: runtimeName } },
  { name: "own-program", predictor: { containers: [container("--model_name=own-program")] }, model: null },
  { name: "transformed", rest: { transformer: { containers: [container()] } } },
];

function service(name: string, { predictor = {}, model = {}, rest = {} }: Omit<RealShape, "name">): AnyObject {
  return {
    apiVersion: "serving.kserve.io/v1beta1",
    kind: "InferenceService",
    metadata: { name, namespace },
    spec: {
      ...rest,
      predictor: {
        ...predictor,
        ...(model === null
          ? {}
          : { model: { modelFormat: { name: "sklearn" }, storageUri: modelUri, resources: { requests }, ...model } }),
      },
    },
  };
}

/** @param count at least the three that are edited. */
export function services(count: number): AnyObject[] {
  const changed = [
    service(edited.spec, {}),
    service(edited.env, { model: { env: [...keptEnv, { name: "REMOVED", value: "2" }] } }),
    service(edited.canary, {}),
  ];
  const others = Array.from({ length: Math.max(0, count - changed.length) }, (_, at) => {
    const { name, ...shape } = shapes[at % shapes.length]!;
    return service(`${name}-${at}`, shape);
  });
  return [...changed, ...others];
}

const body = { instances: [[6.8, 2.8, 4.8, 1.4]] };
const answers = /^\{"predictions":\[1\]\}$/;

/** Every service through its Service, and every third one through the Gateway too. */
export function targets(all: readonly AnyObject[]): Target[] {
  return all.flatMap(({ metadata: { name = "" }, spec }, at) => {
    const { predictor, transformer } = spec as { predictor: { containers?: object[] }; transformer?: object };
    // A program of the user's names the model itself; KServe tells a transformer the name.
    const model = predictor.containers === undefined ? name : name.replace(/-\d+$/, "");
    const path = `/v1/models/${model}:predict`;
    const front = `${name}-${transformer === undefined ? "predictor" : "transformer"}`;
    const direct = { name, url: `http://${front}.${namespace}.svc.cluster.local${path}`, body, answers };
    const routed = {
      ...direct,
      name: `${name} routed`,
      url: `${traefikUrl}${path}`,
      host: `${name}-${namespace}.example.com`,
    };
    return at % 3 === 0 ? [direct, routed] : [direct];
  });
}
