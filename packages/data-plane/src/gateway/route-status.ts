// SPDX-License-Identifier: Apache-2.0
// What this gateway says about the objects that it serves: `status.parents` of HTTPRoutes, conditions of its Gateway and
// GatewayClass. Building is pure; writing happens only when something differs.
import { isDeepStrictEqual } from "node:util";
import {
  type Gateway,
  type GatewayClass,
  type HTTPRoute,
  type KubeObject,
  keyOf,
  type ResourceType,
} from "@serval/api";
import { type Cluster, isConflict, isNotFound } from "@serval/kube";
import type { Attachment } from "./attachment.ts";

export const controllerName = "serval.dev/gateway";

interface Condition {
  type: string;
  status: "True" | "False" | "Unknown";
  reason: string;
  message: string;
  observedGeneration?: number | undefined;
  lastTransitionTime: string;
}
type Verdict = Pick<Condition, "type" | "status" | "reason" | "message">;

/** Keeps the transition time of a condition whose status stays. */
function conditions(
  verdicts: readonly Verdict[],
  input: { old: readonly Condition[] | undefined; generation: number | undefined; now: Date },
): Condition[] {
  const at = input.now.toISOString().replace(/\.\d+Z$/, "Z");
  return verdicts.map((verdict) => {
    const before = input.old?.find(({ type }) => type === verdict.type);
    return {
      ...verdict,
      observedGeneration: input.generation,
      lastTransitionTime: before?.status === verdict.status ? before.lastTransitionTime : at,
    };
  });
}

function accepted({ refused }: Attachment, invalid: string | undefined): Verdict {
  if (refused !== undefined) return { type: "Accepted", status: "False", ...refused };
  return invalid === undefined
    ? { type: "Accepted", status: "True", reason: "Accepted", message: "Route is accepted" }
    : { type: "Accepted", status: "False", reason: "UnsupportedValue", message: invalid };
}

export interface RefProblem {
  readonly reason: string;
  readonly message: string;
}

const resolvedRefs = (problems: readonly RefProblem[]): Verdict =>
  problems.length === 0
    ? { type: "ResolvedRefs", status: "True", reason: "ResolvedRefs", message: "All references are resolved" }
    : {
        type: "ResolvedRefs",
        status: "False",
        reason: (problems[0] as RefProblem).reason,
        message: [...new Set(problems.map(({ message }) => message))].join("; "),
      };

type Parent = NonNullable<NonNullable<HTTPRoute["status"]>["parents"]>[number];

/**
 * The route's status with our entry per parent Gateway that is ours. Entries of other controllers stay; a route that
 * is not and was not ours keeps its status as it is.
 *
 * @param problems backends that cannot be used.
 * @param invalid why the route could not be compiled.
 */
export function routeStatus(
  route: HTTPRoute,
  input: {
    attachments: readonly Attachment[];
    problems: readonly RefProblem[];
    invalid: string | undefined;
    now: Date;
  },
): HTTPRoute["status"] {
  const before = route.status?.parents ?? [];
  const others = before.filter((parent) => parent.controllerName !== controllerName);
  if (input.attachments.length === 0 && others.length === before.length) return route.status;
  const ours = input.attachments.map((attachment): Parent => {
    const { parentRef } = attachment;
    const old = before.find(
      (parent) => parent.controllerName === controllerName && isSame(parent.parentRef, parentRef),
    )?.conditions;
    return {
      parentRef,
      controllerName,
      conditions: conditions([accepted(attachment, input.invalid), resolvedRefs(input.problems)], {
        old: old as Condition[] | undefined,
        generation: route.metadata.generation,
        now: input.now,
      }),
    };
  });
  return { parents: [...others, ...ours] };
}

export interface GatewayAddress {
  readonly type: "IPAddress" | "Hostname";
  readonly value: string;
}

export function gatewayStatus(
  gateway: Gateway,
  input: { addresses: readonly GatewayAddress[]; attachedRoutes: (listener: string) => number; now: Date },
): NonNullable<Gateway["status"]> {
  const { now } = input;
  const generation = gateway.metadata.generation;
  const verdicts: Verdict[] = [
    { type: "Accepted", status: "True", reason: "Accepted", message: "Gateway is accepted" },
    { type: "Programmed", status: "True", reason: "Programmed", message: "Gateway is programmed" },
  ];
  const listenerVerdicts: Verdict[] = [
    ...verdicts,
    { type: "ResolvedRefs", status: "True", reason: "ResolvedRefs", message: "All references are resolved" },
  ];
  return {
    addresses: [...input.addresses],
    conditions: conditions(verdicts, { old: gateway.status?.conditions as Condition[] | undefined, generation, now }),
    listeners: gateway.spec.listeners.map(({ name }) => ({
      name,
      attachedRoutes: input.attachedRoutes(name),
      supportedKinds: [{ group: "gateway.networking.k8s.io", kind: "HTTPRoute" }],
      conditions: conditions(listenerVerdicts, {
        old: gateway.status?.listeners?.find((l) => l.name === name)?.conditions as Condition[] | undefined,
        generation,
        now,
      }),
    })),
  };
}

export const gatewayClassStatus = (gatewayClass: GatewayClass, now: Date): NonNullable<GatewayClass["status"]> => ({
  conditions: conditions(
    [{ type: "Accepted", status: "True", reason: "Accepted", message: "GatewayClass is accepted" }],
    {
      old: gatewayClass.status?.conditions as Condition[] | undefined,
      generation: gatewayClass.metadata.generation,
      now,
    },
  ),
});

/** Equal as JSON: servers reorder keys, and undefined is absent. */
const isSame = (a: unknown, b: unknown): boolean =>
  isDeepStrictEqual(JSON.parse(JSON.stringify(a ?? null)), JSON.parse(JSON.stringify(b ?? null)));

/** Writes a status that differs from the stored one; a lost race is repaired by the next change. */
export async function writeStatus<T extends KubeObject & { status?: unknown }>(
  cluster: Cluster,
  type: ResourceType<T>,
  object: T,
  status: T["status"],
): Promise<void> {
  if (status === undefined || isSame(object.status, status)) return;
  try {
    await cluster.patch(
      type,
      keyOf(object),
      { type: "merge", body: { metadata: { uid: object.metadata.uid }, status } },
      { subresource: "status" },
    );
  } catch (error) {
    if (!isConflict(error) && !isNotFound(error)) throw error;
  }
}
