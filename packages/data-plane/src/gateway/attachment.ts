// SPDX-License-Identifier: Apache-2.0
// Which Gateways a route is attached to, and under which host names it is served there. Pure.
// Source: Gateway API, ParentReference, Listener.allowedRoutes and Listener.hostname.
import type { Gateway, HTTPRoute } from "@serval/api";

export type ParentRef = NonNullable<HTTPRoute["spec"]["parentRefs"]>[number];
type Listener = Gateway["spec"]["listeners"][number];

export interface Attachment {
  readonly parentRef: ParentRef;
  /** Names of the listeners that serve it; empty: it is not served here. */
  readonly listeners: readonly string[];
  /** Empty: every host. */
  readonly hostnames: readonly string[];
  readonly refused: { readonly reason: string; readonly message: string } | undefined;
}

const covers = (pattern: string, host: string): boolean => pattern.startsWith("*.") && host.endsWith(pattern.slice(1));

/** What two host patterns have in common; undefined: nothing. */
export function commonHost(a: string, b: string): string | undefined {
  if (a === b || covers(a, b)) return b;
  return covers(b, a) ? a : undefined;
}

const allowsNamespace = (listener: Listener, gateway: Gateway, namespace: string): boolean => {
  const from = listener.allowedRoutes?.namespaces?.from ?? "Same";
  return from === "All" || (from === "Same" && gateway.metadata.namespace === namespace);
};

const allowsKind = ({ allowedRoutes }: Listener): boolean =>
  allowedRoutes?.kinds === undefined || allowedRoutes.kinds.some(({ kind }) => kind === "HTTPRoute");

function commonHosts(listener: Listener, hostnames: readonly string[]): readonly string[] | undefined {
  if (listener.hostname === undefined || listener.hostname === "") return hostnames;
  if (hostnames.length === 0) return [listener.hostname];
  const common = hostnames.flatMap((host) => commonHost(listener.hostname as string, host) ?? []);
  return common.length === 0 ? undefined : common;
}

function attach(route: HTTPRoute, parentRef: ParentRef, gateway: Gateway): Attachment {
  const namespace = route.metadata.namespace ?? "default";
  const none = (reason: string, message: string): Attachment => ({
    parentRef,
    listeners: [],
    hostnames: [],
    refused: { reason, message },
  });
  const named = gateway.spec.listeners.filter(
    ({ name, port }) => (parentRef.sectionName ?? name) === name && (parentRef.port ?? port) === port,
  );
  if (named.length === 0) return none("NoMatchingParent", "The Gateway has no listener of that name and port");
  const allowed = named.filter((listener) => allowsNamespace(listener, gateway, namespace) && allowsKind(listener));
  if (allowed.length === 0)
    return none("NotAllowedByListeners", `No listener admits HTTPRoutes of namespace "${namespace}"`);
  const served = allowed.flatMap((listener) => {
    const hostnames = commonHosts(listener, route.spec.hostnames ?? []);
    return hostnames === undefined ? [] : [{ listener: listener.name, hostnames }];
  });
  if (served.length === 0) return none("NoMatchingListenerHostname", "No listener serves a host name of this route");
  const isEvery = served.some(({ hostnames }) => hostnames.length === 0);
  return {
    parentRef,
    listeners: served.map(({ listener }) => listener),
    hostnames: isEvery ? [] : [...new Set(served.flatMap(({ hostnames }) => hostnames))],
    refused: undefined,
  };
}

const isGateway = ({ group, kind }: ParentRef): boolean =>
  (group ?? "gateway.networking.k8s.io") === "gateway.networking.k8s.io" && (kind ?? "Gateway") === "Gateway";

/** One entry per parent that is one of our Gateways. */
export function attachmentsOf(
  route: HTTPRoute,
  ourGateway: (key: { namespace: string; name: string }) => Gateway | undefined,
): Attachment[] {
  const namespace = route.metadata.namespace ?? "default";
  return (route.spec.parentRefs ?? []).flatMap((parentRef) => {
    if (!isGateway(parentRef)) return [];
    const gateway = ourGateway({ namespace: parentRef.namespace ?? namespace, name: parentRef.name });
    return gateway === undefined ? [] : [attach(route, parentRef, gateway)];
  });
}

/** The route with the host names under which we serve it; undefined: not ours. */
export function servedRoute(route: HTTPRoute, attachments: readonly Attachment[]): HTTPRoute | undefined {
  const accepted = attachments.filter(({ refused }) => refused === undefined);
  if (accepted.length === 0) return undefined;
  const isEvery = accepted.some(({ hostnames }) => hostnames.length === 0);
  const hostnames = isEvery ? [] : [...new Set(accepted.flatMap((attachment) => attachment.hostnames))];
  return { ...route, spec: { ...route.spec, hostnames } };
}
