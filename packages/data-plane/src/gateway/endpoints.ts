// SPDX-License-Identifier: Apache-2.0
// Which addresses answer for a Service port right now, from Services and EndpointSlices; and which of them is least busy.
import type { EndpointSlice, Service } from "@serval/api";

export interface Endpoint {
  readonly address: string;
  readonly port: number;
  /** `http://address:port`: the key of its connection pool and of its load. */
  readonly origin: string;
}

export interface EndpointSource {
  service(namespace: string, name: string): Service | undefined;
  slices(namespace: string, service: string): readonly EndpointSlice[];
}

export interface Resolution {
  /** Ready and not terminating. */
  readonly ready: readonly Endpoint[];
  /** Why there is none, for the answer to the client. */
  readonly problem: "no-service" | "no-port" | "no-ready-endpoint" | undefined;
}

const none = (problem: Resolution["problem"]): Resolution => ({ ready: [], problem });

/** Ready endpoints of one Service port. */
export function resolveEndpoints(source: EndpointSource, namespace: string, name: string, port: number): Resolution {
  const service = source.service(namespace, name);
  if (service === undefined) return none("no-service");
  const servicePort = service.spec?.ports?.find((candidate) => candidate.port === port);
  // A headless Service is addressed by its target port, as clients of its pods do.
  const isHeadless = service.spec?.clusterIP === "None";
  if (servicePort === undefined && !isHeadless) return none("no-port");
  const ready: Endpoint[] = [];
  for (const slice of source.slices(namespace, name)) {
    const target =
      servicePort === undefined
        ? port
        : slice.ports?.find((candidate) => (candidate.name ?? "") === (servicePort.name ?? ""))?.port;
    if (target === undefined) continue;
    for (const { addresses, conditions } of slice.endpoints ?? []) {
      if (conditions?.ready === false || conditions?.terminating === true) continue;
      for (const address of addresses) ready.push({ address, port: target, origin: `http://${address}:${target}` });
    }
  }
  return ready.length === 0 ? none("no-ready-endpoint") : { ready, problem: undefined };
}

/** Requests in flight per endpoint. */
export interface LoadCounter {
  begin(origin: string): void;
  end(origin: string): void;
  of(origin: string): number;
}

export function loadCounter(): LoadCounter {
  const inFlight = new Map<string, number>();
  return {
    begin: (origin) => inFlight.set(origin, (inFlight.get(origin) ?? 0) + 1),
    end(origin) {
      const left = (inFlight.get(origin) ?? 1) - 1;
      if (left <= 0) inFlight.delete(origin);
      else inFlight.set(origin, left);
    },
    of: (origin) => inFlight.get(origin) ?? 0,
  };
}

/**
 * The least loaded endpoint; equal ones take turns by `roll`.
 *
 * @param tried origins that failed for this request already; chosen again only when nothing else is left.
 */
export function chooseEndpoint(
  ready: readonly Endpoint[],
  input: { load: LoadCounter; roll: number; tried: ReadonlySet<string> },
): Endpoint | undefined {
  const fresh = ready.filter(({ origin }) => !input.tried.has(origin));
  const candidates = fresh.length > 0 ? fresh : ready;
  let best: Endpoint | undefined;
  let bestLoad = Number.POSITIVE_INFINITY;
  const start = Math.floor(input.roll * candidates.length);
  for (let i = 0; i < candidates.length; i++) {
    const endpoint = candidates[(start + i) % candidates.length] as Endpoint;
    const load = input.load.of(endpoint.origin);
    if (load < bestLoad) [best, bestLoad] = [endpoint, load];
  }
  return best;
}
