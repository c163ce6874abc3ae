// SPDX-License-Identifier: Apache-2.0
// What only pods have: logs and binding to a node.
// Source: k8s.io/kubernetes/pkg/registry/core/pod/strategy.go (LogLocation), storage/storage.go (BindingREST)
import type { Pod, Status } from "@serval/api";
import type { LogOptions } from "../pod-logs.ts";
import { isSwitchedOn } from "../query-switch.ts";
import { badRequest, conflict, notServed } from "../status.ts";
import type { NamedCall } from "./context.ts";
import { entryOf, replace, untilWritten } from "./update.ts";

/** The one container meant. @throws ApiError 400 with the choices. */
function containerOf(pod: Pod, asked: string | undefined): string {
  const main = (pod.spec?.containers ?? []).map(({ name }) => name);
  const init = (pod.spec?.initContainers ?? []).map(({ name }) => name);
  const { name } = pod.metadata;
  if (asked === undefined || asked === "") {
    if (main.length === 1 && init.length === 0) return main[0] as string;
    const choices =
      init.length === 0
        ? `choose one of: [${main.join(" ")}]`
        : `choose one of: [${main.join(" ")}] or one of the init containers: [${init.join(" ")}]`;
    if (main.length === 1) return main[0] as string;
    throw badRequest(`a container name must be specified for pod ${name}, ${choices}`);
  }
  if (![...main, ...init].includes(asked)) throw badRequest(`container ${asked} is not valid for pod ${name}`);
  return asked;
}

/** @throws ApiError 400. */
function wholeNumber(query: Readonly<Record<string, string>>, field: string): number | undefined {
  const text = query[field];
  if (text === undefined || text === "") return undefined;
  if (!/^\d{1,12}$/.test(text)) throw badRequest(`${field} must be a whole number, not ${JSON.stringify(text)}`);
  return Number(text);
}

/** @throws ApiError 400, 404, or 501 in a home without a kubelet. */
export function readPodLogs(call: NamedCall): AsyncIterable<Uint8Array> {
  const { context, query, request } = call;
  const pod = entryOf(call).value as unknown as Pod;
  const container = containerOf(pod, query["container"]);
  if (context.podLogs === undefined) throw notServed("pod logs", "start the home with its kubelet (`serval up`)");
  const tailLines = wholeNumber(query, "tailLines");
  const sinceSeconds = sinceOf(call);
  const limitBytes = wholeNumber(query, "limitBytes");
  const options: LogOptions = {
    container,
    follow: isSwitchedOn(query["follow"]),
    previous: isSwitchedOn(query["previous"]),
    timestamps: isSwitchedOn(query["timestamps"]),
    ...(tailLines === undefined ? {} : { tailLines }),
    ...(sinceSeconds === undefined ? {} : { sinceSeconds }),
    ...(limitBytes === undefined ? {} : { limitBytes }),
    ...(request.signal === undefined ? {} : { signal: request.signal }),
  };
  return context.podLogs.readLogs(pod, options);
}

function sinceOf({ query, context }: NamedCall): number | undefined {
  const { sinceTime } = query;
  if (sinceTime === undefined || sinceTime === "") return wholeNumber(query, "sinceSeconds");
  const time = Date.parse(sinceTime);
  if (Number.isNaN(time)) throw badRequest(`sinceTime must be an RFC 3339 time, not ${JSON.stringify(sinceTime)}`);
  return Math.max(0, Math.ceil((context.now().getTime() - time) / 1000));
}

/** POST of a Binding: `spec.nodeName` from `target.name`. @throws ApiError 409 when the pod has a node. */
export async function bindPod(call: NamedCall): Promise<Status> {
  const target = ((call.request.body ?? {}) as { target?: { name?: unknown } }).target?.name;
  if (typeof target !== "string" || target === "") throw badRequest("a binding needs target.name, the node");
  await untilWritten(call, async (entry) => {
    const pod = entry.value as unknown as Pod;
    if (pod.spec?.nodeName)
      throw conflict(
        call.resource.type,
        call.name,
        `pod ${call.name} is already assigned to node ${JSON.stringify(pod.spec.nodeName)}`,
      );
    const next = structuredClone(entry.value);
    next["spec"] = { ...(next["spec"] as object), nodeName: target };
    return replace(call, entry, { next, tracked: true });
  });
  return { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", code: 201 } as Status;
}
