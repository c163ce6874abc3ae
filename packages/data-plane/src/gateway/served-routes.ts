// SPDX-License-Identifier: Apache-2.0
// From watched objects to the route table, and to the statuses that say what became of each route. One instance per
// gateway process; it reads caches only.
import { type Gateway, type HTTPRoute, keyOf, keyText, resources } from "@serval/api";
import { type Cluster, createInformer, type Informer } from "@serval/kube";
import { type Attachment, attachmentsOf, servedRoute } from "./attachment.ts";
import type { EndpointSource } from "./endpoints.ts";
import {
  controllerName,
  type GatewayAddress,
  gatewayClassStatus,
  gatewayStatus,
  type RefProblem,
  routeStatus,
  writeStatus,
} from "./route-status.ts";
import { backendProblem, compileRouteTable, type RouteTable } from "./route-table.ts";

/** After a restart of the control plane a route that is a second old may lead to pods that are gone. */
const maxDelayMs = 500;

export function watchObjects(cluster: Cluster, watch: { signal: AbortSignal; onError: (error: unknown) => void }) {
  const options = { ...watch, maxDelayMs };
  return {
    routes: createInformer(cluster, resources.httpRoutes, options),
    gateways: createInformer(cluster, resources.gateways, options),
    classes: createInformer(cluster, resources.gatewayClasses, options),
    services: createInformer(cluster, resources.services, options),
    slices: createInformer(cluster, resources.endpointSlices, {
      ...options,
      indexes: {
        service: (slice) => [`${slice.metadata.namespace}/${slice.metadata.labels?.["kubernetes.io/service-name"]}`],
      },
    }),
  };
}

export type Watched = ReturnType<typeof watchObjects>;

export const endpointSource = ({ services, slices }: Pick<Watched, "services" | "slices">): EndpointSource => ({
  service: (namespace, name) => services.get({ namespace, name }),
  slices: (namespace, service) => slices.byIndex("service", `${namespace}/${service}`),
});

/** Every origin that a slice names, ready or not: connections to them may stay. */
export const knownOrigins = (slices: Watched["slices"]): Set<string> =>
  new Set(
    slices
      .list()
      .flatMap(({ endpoints, ports }) =>
        (endpoints ?? []).flatMap(({ addresses }) =>
          addresses.flatMap((address) => (ports ?? []).map(({ port }) => `http://${address}:${port}`)),
        ),
      ),
  );

const ourClasses = (classes: Watched["classes"]) =>
  classes.list().filter(({ spec }) => spec.controllerName === controllerName);

/** Lookup of the Gateways whose class is ours. */
function ourGateways({
  classes,
  gateways,
}: Watched): (key: { namespace: string; name: string }) => Gateway | undefined {
  const names = new Set(ourClasses(classes).map(({ metadata }) => metadata.name));
  return (key) => {
    const gateway = gateways.get(key);
    return gateway !== undefined && names.has(gateway.spec.gatewayClassName) ? gateway : undefined;
  };
}

/** @param onInvalid a route that cannot be compiled. */
export function buildRouteTable(watched: Watched, onInvalid: (route: HTTPRoute, error: Error) => void): RouteTable {
  const ours = ourGateways(watched);
  const served = watched.routes.list().flatMap((route) => servedRoute(route, attachmentsOf(route, ours)) ?? []);
  return compileRouteTable(served, onInvalid);
}

function refProblems(route: HTTPRoute, services: Informer<KubeService>): RefProblem[] {
  const namespace = route.metadata.namespace ?? "default";
  return (route.spec.rules ?? []).flatMap(({ backendRefs }) =>
    (backendRefs ?? []).flatMap((ref): RefProblem[] => {
      const problem = backendProblem(ref, namespace);
      if (problem !== undefined) return [problem];
      return services.get({ namespace, name: ref.name }) === undefined
        ? [{ reason: "BackendNotFound", message: `Service not found: ${ref.name}` }]
        : [];
    }),
  );
}

type KubeService = Watched["services"] extends Informer<infer T> ? T : never;

/** How many routes each listener of each Gateway serves. */
function countRoutes(attachments: ReadonlyMap<HTTPRoute, readonly Attachment[]>) {
  const counts = new Map<string, number>();
  for (const [route, list] of attachments)
    for (const { parentRef, listeners } of list)
      for (const listener of listeners) {
        const key = `${parentRef.namespace ?? route.metadata.namespace}/${parentRef.name}/${listener}`;
        counts.set(key, (counts.get(key) ?? 0) + 1);
      }
  return counts;
}

/** The Service in front of the gateway's pods, where there is one. */
export interface FrontService {
  readonly namespace: string;
  readonly name: string;
}

/** Where clients find the gateway: a load balancer's addresses, else the Service's own, else this machine. */
export function gatewayAddresses(services: Watched["services"], front: FrontService | undefined): GatewayAddress[] {
  const service = front === undefined ? undefined : services.get(front);
  const ingress = (service?.status?.loadBalancer?.ingress ?? []).flatMap(({ ip, hostname }): GatewayAddress[] => [
    ...(ip === undefined ? [] : [{ type: "IPAddress" as const, value: ip }]),
    ...(hostname === undefined ? [] : [{ type: "Hostname" as const, value: hostname }]),
  ]);
  if (ingress.length > 0) return ingress;
  if (front === undefined) return [{ type: "IPAddress", value: "127.0.0.1" }];
  const { clusterIP } = service?.spec ?? {};
  return clusterIP === undefined || clusterIP === "None" ? [] : [{ type: "IPAddress", value: clusterIP }];
}

/** Writes what differs. @param invalid why routes (by key) could not be compiled. */
export async function writeStatuses(
  cluster: Cluster,
  watched: Watched,
  { invalid, now, front }: { invalid: ReadonlyMap<string, string>; now: Date; front?: FrontService | undefined },
): Promise<void> {
  const find = ourGateways(watched);
  const attachments = new Map(watched.routes.list().map((route) => [route, attachmentsOf(route, find)] as const));
  for (const gatewayClass of ourClasses(watched.classes))
    await writeStatus(cluster, resources.gatewayClasses, gatewayClass, gatewayClassStatus(gatewayClass, now));
  for (const [route, list] of attachments) {
    const problems = refProblems(route, watched.services);
    const status = routeStatus(route, {
      attachments: list,
      problems,
      invalid: invalid.get(keyText(keyOf(route))),
      now,
    });
    await writeStatus(cluster, resources.httpRoutes, route, status);
  }
  const counts = countRoutes(attachments);
  const addresses = gatewayAddresses(watched.services, front);
  for (const gateway of watched.gateways.list()) {
    const { namespace = "default", name } = gateway.metadata;
    if (find({ namespace, name }) === undefined) continue;
    const attachedRoutes = (listener: string): number => counts.get(`${namespace}/${name}/${listener}`) ?? 0;
    await writeStatus(cluster, resources.gateways, gateway, gatewayStatus(gateway, { addresses, attachedRoutes, now }));
  }
}
