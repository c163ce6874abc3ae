// SPDX-License-Identifier: Apache-2.0
// The objects of a graph in Standard mode: a router's Deployment, Service and autoscaler, and its route. Pure.
// Source: KServe inferencegraph/raw_ig.go. KServe makes no route although status.url names one (weak spot 11).
import {
  annotations,
  appLabel,
  type Container,
  type Deployment,
  type HTTPRoute,
  type InferenceGraph,
  type InferenceGraphSpec,
  type Ingress,
  type KubeObject,
  labels,
  type PodSpec,
  type Service,
  type ServingConfig,
} from "@serval/api";
import { objectMeta } from "../../modes/standard/object-meta.ts";
import { resourcesFrom } from "../../pod/storage/initializer.ts";
import { gatewayDuration, gatewayReference } from "../../routes/gateway-api/http-route.ts";
import { scalersOf } from "../../scaling/index.ts";
import type { Scaled, ScalingContext } from "../../scaling/scaled.ts";
import { graphJson } from "./graph-json.ts";

export interface GraphContext extends Omit<ScalingContext, "owner"> {
  readonly graph: InferenceGraph;
  readonly config: ServingConfig;
  /** With every service's URL. */
  readonly spec: InferenceGraphSpec;
  /** Host of `status.url`; undefined: the graph is not reachable from outside. */
  readonly host: string | undefined;
}

const routerPort = 8080;

/** The kubectl annotation is never a child's. */
const notes = ({ metadata }: InferenceGraph): Record<string, string> => {
  const { "kubectl.kubernetes.io/last-applied-configuration": _applied, ...kept } = metadata.annotations ?? {};
  return kept;
};

function workloadOf({ graph, spec }: GraphContext): Scaled & { readonly name: string } {
  const name = graph.metadata.name ?? "";
  return {
    name,
    workload: name,
    labels: { ...graph.metadata.labels, [labels.inferenceGraph]: name, [labels.app]: appLabel(name) },
    annotations: notes(graph),
    spec,
  };
}

function router({ graph, spec, config }: GraphContext): Container {
  const { propagate = [] } = config.router.headers ?? {};
  const { imagePullPolicy } = config.router;
  return {
    name: graph.metadata.name ?? "",
    image: config.router.image,
    imagePullPolicy: imagePullPolicy === "" ? "IfNotPresent" : imagePullPolicy,
    args: ["--graph-json", graphJson(spec)],
    ...(propagate.length === 0 ? {} : { env: [{ name: "PROPAGATE_HEADERS", value: propagate.join(",") }] }),
    resources: Object.keys(spec.resources ?? {}).length > 0 ? spec.resources : resourcesFrom(config.router),
    readinessProbe: {
      httpGet: { path: "/readyz", port: routerPort },
      initialDelaySeconds: 5,
      timeoutSeconds: 2,
      periodSeconds: 5,
      failureThreshold: 3,
    },
    securityContext: {
      privileged: false,
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      runAsNonRoot: true,
      capabilities: { drop: ["ALL"] },
    },
  };
}

function podOf(context: GraphContext): PodSpec {
  const { affinity, tolerations, nodeSelector, nodeName, serviceAccountName } = context.spec;
  const { imagePullSecrets = [] } = context.config.router;
  return {
    automountServiceAccountToken: false,
    containers: [router(context)],
    ...(affinity === undefined ? {} : { affinity }),
    ...(tolerations === undefined ? {} : { tolerations }),
    ...(nodeSelector === undefined ? {} : { nodeSelector }),
    ...(nodeName === undefined ? {} : { nodeName }),
    ...(serviceAccountName === undefined ? {} : { serviceAccountName }),
    ...(imagePullSecrets.length === 0 ? {} : { imagePullSecrets: imagePullSecrets.map((name) => ({ name })) }),
  };
}

function deployment(context: GraphContext): Deployment {
  const { graph, spec } = context;
  const workload = workloadOf(context);
  const { name, namespace, labels: shared, annotations: shown } = objectMeta(workload, graph);
  const isFixed = graph.metadata.annotations?.[annotations.autoscalerClass] === "none";
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: objectMeta(workload, graph),
    spec: {
      ...(isFixed && spec.minReplicas !== undefined ? { replicas: spec.minReplicas } : {}),
      selector: { matchLabels: { app: appLabel(workload.name) } },
      strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: "25%", maxUnavailable: "25%" } },
      template: {
        metadata: { name, namespace, labels: shared, ...(shown === undefined ? {} : { annotations: shown }) },
        spec: podOf(context),
      },
    },
  };
}

function service(context: GraphContext): Service {
  const workload = workloadOf(context);
  const { name } = workload;
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: objectMeta(workload, context.graph),
    spec: {
      selector: { app: appLabel(name) },
      ports: [{ name, port: 80, targetPort: routerPort, protocol: "TCP" }],
    },
  };
}

function httpRoute({ graph, spec, config }: GraphContext, host: string): HTTPRoute {
  const workload = { name: graph.metadata.name ?? "", labels: {}, annotations: notes(graph) };
  const { labels: _labels, ...metadata } = objectMeta(workload, graph);
  const { disableHTTPRouteTimeout } = config.ingress;
  const backend = {
    group: "",
    kind: "Service",
    name: workload.name,
    namespace: metadata.namespace,
    port: 80,
    weight: 1,
  };
  return {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "HTTPRoute",
    metadata,
    spec: {
      parentRefs: [gatewayReference(config)],
      hostnames: [host],
      rules: [
        {
          matches: [{ path: { type: "RegularExpression", value: "^/.*$" } }],
          backendRefs: [backend],
          ...(disableHTTPRouteTimeout ? {} : { timeouts: { request: gatewayDuration(spec.timeout ?? 60) } }),
        },
      ],
    },
  };
}

function ingress({ graph, config }: GraphContext, host: string): Ingress {
  const name = graph.metadata.name ?? "";
  const { labels: _labels, ...metadata } = objectMeta({ name, labels: {}, annotations: notes(graph) }, graph);
  const { ingressClassName } = config.ingress;
  const backend = { service: { name, port: { number: 80 } } };
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "Ingress",
    metadata,
    spec: {
      ...(ingressClassName === undefined ? {} : { ingressClassName }),
      rules: [{ host, http: { paths: [{ path: "/", pathType: "Prefix", backend }] } }],
    },
  };
}

/** In the order in which they are applied. @throws ServalError when the autoscaler needs what the cluster does not have. */
export function graphObjects(context: GraphContext): KubeObject[] {
  const { host, config, serves, graph } = context;
  const workloads = [
    service(context),
    deployment(context),
    ...scalersOf(workloadOf(context), { ...context, owner: graph }),
  ];
  if (host === undefined) return workloads;
  const usesGateway = config.ingress.enableGatewayApi && serves("HTTPRoute");
  return [...workloads, usesGateway ? httpRoute(context, host) : ingress(context, host)];
}
