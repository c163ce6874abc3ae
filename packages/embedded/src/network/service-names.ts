// SPDX-License-Identifier: Apache-2.0
// Pods reach Services by name without a DNS server: where the operator put a Service's name into a command, argument or
// environment value, the kubelet puts the Service's address (decision 21). Pure.

/** A Service with an address of its own. */
export interface NamedService {
  readonly address: string;
  readonly ports: readonly number[];
}

/** The port at which a Service's port answers on this machine (reachable-port.ts). */
export type ReachablePort = (port: number) => number;

export interface NameScope {
  /** Of the pod: what a name without a namespace means. */
  readonly namespace: string;
  /** Undefined when there is no Service by that name or it has no address of its own. */
  readonly serviceOf: (namespace: string, name: string) => NamedService | undefined;
  readonly reachable: ReachablePort;
}

const label = "[a-z0-9](?:[-a-z0-9]*[a-z0-9])?";
const end = "(?=$|[/?#\"'\\s,;)\\]}\\\\])";
const portPart = "(?::(\\d{1,5}))?";
// In a URL every host may be a Service's name; the name may stand alone, since it can be nothing else.
const inUrl = new RegExp(
  `(?<=\\b([a-z][a-z0-9+.-]*)://)(${label})(?:\\.(${label})(?:\\.svc(?:\\.cluster\\.local)?)?\\.?)?${portPart}${end}`,
  "g",
);
// Elsewhere `name.namespace` needs a Service of that name; not inside a longer name, path, address or URL.
const qualified = new RegExp(
  `(?<![\\w./@:-])(${label})\\.(${label})(?:\\.svc(?:\\.cluster\\.local)?)?\\.?${portPart}${end}`,
  "g",
);
// A bare `name:port` is taken only for a Service with that very port: it could be an image tag or a label.
const withPort = new RegExp(`(?<![\\w./@:-])(${label}):(\\d{1,5})${end}`, "g");

const schemePorts: Readonly<Record<string, number>> = { http: 80, ws: 80, https: 443, wss: 443 };

/** Replaces Service names by addresses that answer; names of no Service stay as they are. */
export function rewriteServiceNames(text: string, { namespace, serviceOf, reachable }: NameScope): string {
  if (!/[.:]/.test(text)) return text;
  /** @param implied the port that a client takes when the text names none. */
  const place = (service: NamedService, written: string | undefined, implied: number | undefined): string => {
    if (written !== undefined) return `${service.address}:${reachable(Number(written))}`;
    if (implied === undefined || reachable(implied) === implied) return service.address;
    return `${service.address}:${reachable(implied)}`;
  };
  return text
    .replace(inUrl, (whole, scheme: string, name: string, space: string | undefined, port: string | undefined) => {
      const service = serviceOf(space ?? namespace, name);
      return service === undefined ? whole : place(service, port, schemePorts[scheme]);
    })
    .replace(qualified, (whole, name: string, space: string, port: string | undefined) => {
      const service = serviceOf(space, name);
      // A host without a scheme and a port is asked by http, as KServe's `--predictor_host` is.
      return service === undefined ? whole : place(service, port, service.ports.includes(80) ? 80 : undefined);
    })
    .replace(withPort, (whole, name: string, port: string) => {
      const service = serviceOf(namespace, name);
      return service?.ports.includes(Number(port)) === true ? place(service, port, undefined) : whole;
    });
}

/** `FOO_SERVICE_HOST` and `FOO_SERVICE_PORT` of a Service, as kubelet's service links. */
export function serviceLinkEnv(
  name: string,
  address: string,
  ports: readonly { name?: string | undefined; port: number }[],
): Record<string, string> {
  const prefix = name.toUpperCase().replaceAll("-", "_");
  const env: Record<string, string> = { [`${prefix}_SERVICE_HOST`]: address };
  const first = ports[0];
  if (first !== undefined) env[`${prefix}_SERVICE_PORT`] = String(first.port);
  for (const { name: portName, port } of ports) {
    if (portName !== undefined && portName !== "")
      env[`${prefix}_SERVICE_PORT_${portName.toUpperCase().replaceAll("-", "_")}`] = String(port);
  }
  return env;
}
