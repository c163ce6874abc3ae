// SPDX-License-Identifier: Apache-2.0
// An API server for tests: in memory, counted ids, a clock that the test moves, one custom kind.
import { type AnyObject, type CustomResourceDefinition, servingCrds } from "@serval/api";
import type { AdmissionPlugin, ApiRequest, ApiResponse } from "@serval/kube";
import { memoryStore, type Store } from "../../store/index.ts";
import { type ApiServer, createApiServer, type PodLogs, type ResourceMetrics } from "../index.ts";

export const silentLog = { debug() {}, info() {}, warn() {}, error() {} };

export const widgetCrd: CustomResourceDefinition = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "widgets.example.dev" },
  spec: {
    group: "example.dev",
    scope: "Namespaced",
    names: {
      kind: "Widget",
      plural: "widgets",
      singular: "widget",
      listKind: "WidgetList",
      shortNames: ["wg"],
      categories: ["all"],
    },
    versions: [
      {
        name: "v1",
        served: true,
        storage: true,
        subresources: {
          status: {},
          scale: { specReplicasPath: ".spec.replicas", statusReplicasPath: ".status.replicas" },
        },
        additionalPrinterColumns: [
          { name: "Size", type: "integer", jsonPath: ".spec.size" },
          { name: "Ready", type: "string", jsonPath: ".status.conditions[?(@.type=='Ready')].status" },
          { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
        ],
        schema: {
          openAPIV3Schema: {
            type: "object",
            properties: {
              spec: {
                type: "object",
                required: ["size"],
                properties: {
                  size: { type: "integer", minimum: 1 },
                  color: { type: "string", default: "red", enum: ["red", "blue"] },
                  replicas: { type: "integer" },
                },
              },
              status: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
            },
          },
        },
      },
    ],
  },
} as unknown as CustomResourceDefinition;

export interface TestServer {
  readonly server: ApiServer;
  readonly store: Store;
  /** Milliseconds. */
  advance(ms: number): void;
  send(method: ApiRequest["method"], path: string, rest?: Partial<ApiRequest>): Promise<ApiResponse>;
  /** The body of an answer below 400. @throws the message of a refusal. */
  ok<T = AnyObject>(method: ApiRequest["method"], path: string, rest?: Partial<ApiRequest>): Promise<T>;
}

export async function testServer(
  options: {
    admission?: readonly AdmissionPlugin[];
    podLogs?: PodLogs;
    metrics?: ResourceMetrics;
    store?: Store;
    serving?: boolean;
  } = {},
): Promise<TestServer> {
  let time = Date.parse("2026-01-01T00:00:00Z");
  let ids = 0;
  const store = options.store ?? memoryStore();
  const server = await createApiServer({
    store,
    crds: [widgetCrd, ...(options.serving === true ? servingCrds() : [])],
    admission: options.admission ?? [],
    ...(options.podLogs === undefined ? {} : { podLogs: options.podLogs }),
    ...(options.metrics === undefined ? {} : { metrics: options.metrics }),
    now: () => new Date(time),
    uid: () => `00000000-0000-4000-8000-${String(++ids).padStart(12, "0")}`,
    log: silentLog,
  });
  const send: TestServer["send"] = (method, path, rest = {}) =>
    server.transport.send({ method, path, userAgent: "test/1", ...rest });
  return {
    server,
    store,
    advance: (ms) => {
      time += ms;
    },
    send,
    async ok<T>(method: ApiRequest["method"], path: string, rest?: Partial<ApiRequest>) {
      const { status, body } = await send(method, path, rest);
      if (status >= 400) throw new Error(`${method} ${path}: ${status} ${(body as { message?: string }).message}`);
      return body as T;
    },
  };
}

export const widget = (name: string, spec: object = { size: 1 }): AnyObject => ({
  apiVersion: "example.dev/v1",
  kind: "Widget",
  metadata: { name },
  spec,
});
export const widgets = "/apis/example.dev/v1/namespaces/default/widgets";

export const configMap = (name: string, data: Record<string, string> = {}): AnyObject => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name },
  data,
});
export const configMaps = "/api/v1/namespaces/default/configmaps";
export const pods = "/api/v1/namespaces/default/pods";

export const pod = (name: string, spec: object = {}): AnyObject => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, labels: { app: name } },
  spec: { containers: [{ name: "main", image: "busybox:1" }], ...spec },
});
