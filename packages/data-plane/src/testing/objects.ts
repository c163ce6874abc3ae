// SPDX-License-Identifier: Apache-2.0
// Valid objects for tests of the request path, so that a case shows only its difference.
import type { EndpointSlice, Gateway, HTTPRoute, Service } from "@serval/api";
import type { EndpointSource } from "../gateway/endpoints.ts";
import type { RouteRule } from "../gateway/route-match.ts";

export const namespace = "default";

export interface RouteSketch {
  readonly name?: string;
  readonly namespace?: string;
  readonly created?: string;
  readonly hostnames?: string[];
  readonly rules?: RouteRule[];
  readonly parentRefs?: HTTPRoute["spec"]["parentRefs"];
}

export const httpRoute = (sketch: RouteSketch): HTTPRoute => ({
  apiVersion: "gateway.networking.k8s.io/v1",
  kind: "HTTPRoute",
  metadata: {
    name: sketch.name ?? "iris",
    namespace: sketch.namespace ?? namespace,
    generation: 1,
    ...(sketch.created === undefined ? {} : { creationTimestamp: sketch.created }),
  },
  spec: {
    parentRefs: sketch.parentRefs ?? [{ name: "ingress", namespace: "kserve" }],
    ...(sketch.hostnames === undefined ? {} : { hostnames: sketch.hostnames }),
    rules: sketch.rules ?? [backendRule("iris-predictor")],
  },
});

/** A rule for one Service with whatever else it has. */
export const backendRule = (service: string, rest: Partial<RouteRule> = {}): RouteRule => ({
  backendRefs: [{ name: service, port: 80 }],
  ...rest,
});

export const gatewayObject = (spec: Partial<Gateway["spec"]> = {}): Gateway => ({
  apiVersion: "gateway.networking.k8s.io/v1",
  kind: "Gateway",
  metadata: { name: "ingress", namespace: "kserve", generation: 1 },
  spec: {
    gatewayClassName: "serval",
    listeners: [{ name: "http", port: 80, protocol: "HTTP", allowedRoutes: { namespaces: { from: "All" } } }],
    ...spec,
  },
});

export const serviceObject = (name: string, spec: Service["spec"] = {}): Service => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: { name, namespace },
  spec: { ports: [{ name: "http", port: 80, targetPort: 8080, protocol: "TCP" }], ...spec },
});

type SliceEndpoint = NonNullable<EndpointSlice["endpoints"]>[number];

export const sliceObject = (
  service: string,
  endpoints: readonly (Partial<SliceEndpoint> & { address: string })[],
  ports: EndpointSlice["ports"] = [{ name: "http", port: 8080, protocol: "TCP" }],
): EndpointSlice => ({
  apiVersion: "discovery.k8s.io/v1",
  kind: "EndpointSlice",
  addressType: "IPv4",
  metadata: { name: `${service}-1`, namespace, labels: { "kubernetes.io/service-name": service } },
  endpoints: endpoints.map(({ address, ...rest }) => ({
    addresses: [address],
    conditions: { ready: true, serving: true, terminating: false },
    ...rest,
  })),
  ports,
});

/** Endpoints on this machine by Service: ports of 127.0.0.1, one slice each. Changes count at once. */
export class LocalEndpoints implements EndpointSource {
  readonly #ports = new Map<string, readonly number[]>();

  set(service: string, ports: readonly number[]): void {
    this.#ports.set(service, ports);
  }

  service(space: string, name: string): Service | undefined {
    return space === namespace && this.#ports.has(name) ? serviceObject(name) : undefined;
  }

  slices(_space: string, name: string): EndpointSlice[] {
    return (this.#ports.get(name) ?? []).map((port) =>
      sliceObject(name, [{ address: "127.0.0.1" }], [{ name: "http", port, protocol: "TCP" }]),
    );
  }
}
