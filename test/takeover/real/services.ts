// SPDX-License-Identifier: Apache-2.0
// The services that KServe serves before the take-over: one model, in the shapes that users give them.
import type { AnyObject } from "@serval/api";
import type { Target } from "../../real/load.ts";
import { traefikUrl } from "../../real/traefik.ts";

export const namespace = "takeover";

/** These are changed between the two hand-overs. */
export const edited = { spec: "edited", env: "env-removed", canary: "canary" } as const;

export const keptEnv = [{ name: "KEPT", value: "1" }];
export const requests = { cpu: "10m", memory: "64Mi" };

const shapes: readonly { readonly name: string; readonly predictor?: object; readonly model?: object }[] = [
  { name: "plain" },
  { name: "two-pods", predictor: { minReplicas: 2, maxReplicas: 2 } },
  { name: "env", model: { env: keptEnv } },
  { name: "scaled", predictor: { minReplicas: 1, maxReplicas: 3, scaleMetric: "cpu", scaleTarget: 80 } },
  { name: "labelled", predictor: { labels: { team: "red" }, annotations: { "example.com/owner": "red" } } },
];

function service(name: string, { predictor = {}, model = {} }: { predictor?: object; model?: object }): AnyObject {
  return {
    apiVersion: "serving.kserve.io/v1beta1",
    kind: "InferenceService",
    metadata: { name, namespace },
    spec: {
      predictor: {
        ...predictor,
        model: {
          modelFormat: { name: "sklearn" },
          storageUri: "pvc://models/iris-svc",
          resources: { requests },
          ...model,
        },
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
  return all.flatMap(({ metadata: { name = "" } }, at) => {
    const path = `/v1/models/${name}:predict`;
    const direct = { name, url: `http://${name}-predictor.${namespace}.svc.cluster.local${path}`, body, answers };
    const routed = {
      ...direct,
      name: `${name} routed`,
      url: `${traefikUrl}${path}`,
      host: `${name}-${namespace}.example.com`,
    };
    return at % 3 === 0 ? [direct, routed] : [direct];
  });
}
