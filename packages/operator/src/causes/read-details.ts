// SPDX-License-Identifier: Apache-2.0
// Reads what the rules want to know, once and for a short time: nodes, claims, events, log tails, Gateways. Whatever may
// not be read, or takes too long, is left out: a cause that says less beats a reconcile that hangs.
import {
  type Event,
  type Gateway,
  type GatewayClass,
  type Key,
  type KubeObject,
  type Node,
  type ResourceType,
  resourcePath,
  resources,
} from "@serval/api";
import { type Cluster, expectSuccess } from "@serval/kube";
import { type Details, logName, newestEvents } from "./evidence.ts";
import { type EndedRun, type Seen, type Wanted, wantedDetails } from "./wanted.ts";

export interface DetailsSource {
  /** @param isThorough reads more, for a person who asked. Never throws. */
  read(seen: Seen, isThorough?: boolean): Promise<Details>;
}

const none: Details = {};
const patienceMs = 1_000;
const nodesFreshMs = 10_000;
const maxLogs = 200;
const tailLines = 20;
const maxLogBytes = 4_096;

/** undefined: refused, failed or late. */
async function tried<T>(work: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), patienceMs);
    timer.unref();
  });
  try {
    return await Promise.race([work, late]);
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}

/** The objects by name; those that could not be asked for are left out, those that are not there are undefined inside. */
async function objects<T extends KubeObject>(
  cluster: Cluster,
  type: ResourceType<T>,
  keys: ReadonlyMap<string, Key>,
): Promise<Map<string, T | undefined>> {
  const read = await Promise.all(
    [...keys].map(async ([name, key]) => ({
      name,
      answer: await tried(cluster.get(type, key).then((object) => ({ object }))),
    })),
  );
  return new Map(read.flatMap(({ name, answer }) => (answer === undefined ? [] : [[name, answer.object] as const])));
}

async function logTail(cluster: Cluster, namespace: string, { pod, container, isPrevious }: EndedRun): Promise<string> {
  const answer = expectSuccess(
    await cluster.transport.send({
      method: "GET",
      path: `${resourcePath(resources.pods, { namespace, name: pod })}/log`,
      query: {
        container,
        tailLines: `${tailLines}`,
        limitBytes: `${maxLogBytes}`,
        ...(isPrevious ? { previous: "true" } : {}),
      },
      signal: AbortSignal.timeout(patienceMs),
    }),
  );
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of answer.bytes ?? []) text += decoder.decode(chunk, { stream: true });
  return text.slice(-maxLogBytes).trim();
}

function createLogs(cluster: Cluster): (namespace: string, run: EndedRun) => Promise<string | undefined> {
  const known = new Map<string, string>();
  return async (namespace, run) => {
    const before = known.get(run.id);
    if (before !== undefined) return before;
    const text = await tried(logTail(cluster, namespace, run));
    if (text === undefined) return undefined;
    known.set(run.id, text);
    for (const id of known.keys()) {
      if (known.size <= maxLogs) break;
      known.delete(id);
    }
    return text;
  };
}

async function gatewaysOf(
  cluster: Cluster,
  names: readonly string[],
): Promise<Pick<Details, "gateways" | "gatewayClasses">> {
  if (names.length === 0) return {};
  const keys = new Map(
    names.map((text) => {
      const [namespace, name] = text.split("/") as [string, string];
      return [text, { namespace, name }];
    }),
  );
  const gateways = await objects<Gateway>(cluster, resources.gateways, keys);
  const classes = new Map(
    [...gateways.values()].flatMap((gateway) => {
      const name = gateway?.spec.gatewayClassName;
      return name === undefined ? [] : [[name, { name }] as const];
    }),
  );
  return { gateways, gatewayClasses: await objects<GatewayClass>(cluster, resources.gatewayClasses, classes) };
}

async function eventsOf(
  cluster: Cluster,
  namespace: string,
  pods: readonly string[],
): Promise<ReadonlyMap<string, readonly Event[]>> {
  const read = await Promise.all(
    pods.map(async (pod) => {
      const fieldSelector = `involvedObject.kind=Pod,involvedObject.name=${pod}`;
      const list = await tried(cluster.list(resources.coreEvents, { namespace, fieldSelector, limit: 100 }));
      return [pod, newestEvents(list?.items ?? [])] as const;
    }),
  );
  return new Map(read);
}

const isNothing = ({ nodes, claims, events, logs, gateways }: Wanted): boolean =>
  !nodes && claims.length + events.length + logs.length + gateways.length === 0;

export function createDetailsSource(cluster: Cluster, now: () => Date = () => new Date()): DetailsSource {
  const readLog = createLogs(cluster);
  let nodes: { readonly items: readonly Node[]; readonly until: number } | undefined;
  const readNodes = async (): Promise<readonly Node[] | undefined> => {
    if (nodes !== undefined && nodes.until > now().getTime()) return nodes.items;
    const list = await tried(cluster.list(resources.nodes));
    if (list === undefined) return undefined;
    // Only what the rules read stays.
    const items = list.items.map(
      ({ apiVersion, kind, metadata: { name }, spec, status }): Node => ({
        apiVersion,
        kind,
        metadata: { name },
        spec: spec?.taints === undefined ? {} : { taints: spec.taints },
        status: status?.allocatable === undefined ? {} : { allocatable: status.allocatable },
      }),
    );
    nodes = { items, until: now().getTime() + nodesFreshMs };
    return items;
  };
  return {
    async read(seen, isThorough) {
      const wanted = wantedDetails(seen, isThorough);
      if (isNothing(wanted)) return none;
      const namespace = seen.isvc.metadata.namespace ?? "default";
      const [offered, claims, events, logs, gateways] = await Promise.all([
        wanted.nodes ? readNodes() : undefined,
        objects(
          cluster,
          resources.persistentVolumeClaims,
          new Map(wanted.claims.map((name) => [name, { namespace, name }])),
        ),
        eventsOf(cluster, namespace, wanted.events),
        Promise.all(
          wanted.logs.map(async (run) => [logName(run.pod, run.container), await readLog(namespace, run)] as const),
        ),
        gatewaysOf(cluster, wanted.gateways),
      ]);
      const texts = logs.flatMap(([name, text]) => (text === undefined ? [] : [[name, text] as const]));
      return {
        ...(offered === undefined ? {} : { nodes: offered }),
        claims,
        events,
        logs: new Map(texts),
        ...gateways,
      };
    },
  };
}
