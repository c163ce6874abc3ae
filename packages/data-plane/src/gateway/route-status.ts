// SPDX-License-Identifier: Apache-2.0
// What this gateway says about the objects that it serves: `status.parents` of HTTPRoutes, conditions of its Gateway and
// GatewayClass. Building is pure; writing happens only when something differs.
import {
  type Gateway,
  type GatewayClass,
  type HTTPRoute,
  type KubeObject,
  keyOf,
  type ResourceType,
  resources,
} from "@serval/api";
import { type Cluster, isConflict, isNotFound } from "@serval/kube";

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

const accepted = (invalid: string | undefined): Verdict =>
  invalid === undefined
    ? { type: "Accepted", status: "True", reason: "Accepted", message: "Route is accepted" }
    : { type: "Accepted", status: "False", reason: "UnsupportedValue", message: invalid };

type Parent = NonNullable<NonNullable<HTTPRoute["status"]>["parents"]>[number];

/**
 * The route's status with our entry per parent Gateway that is ours. Entries of other controllers stay.
 *
 * @param missing names of backend Services that do not exist.
 * @param invalid why the route could not be compiled.
 */
export function routeStatus(
  route: HTTPRoute,
  input: {
    isOurs: (gateway: { namespace: string; name: string }) => boolean;
    missing: readonly string[];
    invalid: string | undefined;
    now: Date;
  },
): NonNullable<HTTPRoute["status"]> {
  const namespace = route.metadata.namespace ?? "default";
  const others = (route.status?.parents ?? []).filter((parent) => parent.controllerName !== controllerName);
  const resolved: Verdict =
    input.missing.length === 0
      ? { type: "ResolvedRefs", status: "True", reason: "ResolvedRefs", message: "All references are resolved" }
      : {
          type: "ResolvedRefs",
          status: "False",
          reason: "BackendNotFound",
          message: `Service not found: ${input.missing.join(", ")}`,
        };
  const ours = (route.spec.parentRefs ?? [])
    .filter((ref) => input.isOurs({ namespace: ref.namespace ?? namespace, name: ref.name }))
    .map((parentRef): Parent => {
      const old = route.status?.parents?.find(
        (parent) => parent.controllerName === controllerName && parent.parentRef.name === parentRef.name,
      )?.conditions;
      return {
        parentRef,
        controllerName,
        conditions: conditions([accepted(input.invalid), resolved], {
          old: old as Condition[] | undefined,
          generation: route.metadata.generation,
          now: input.now,
        }),
      };
    });
  return { parents: [...others, ...ours] };
}

export function gatewayStatus(
  gateway: Gateway,
  input: { address: string; attachedRoutes: number; now: Date },
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
    addresses: [{ type: "IPAddress", value: input.address }],
    conditions: conditions(verdicts, { old: gateway.status?.conditions as Condition[] | undefined, generation, now }),
    listeners: gateway.spec.listeners.map(({ name }) => ({
      name,
      attachedRoutes: input.attachedRoutes,
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

/** Writes a status that differs from the stored one; a lost race is repaired by the next change. */
export async function writeStatus<T extends KubeObject & { status?: unknown }>(
  cluster: Cluster,
  type: ResourceType<T>,
  object: T,
  status: T["status"],
): Promise<void> {
  if (JSON.stringify(object.status) === JSON.stringify(status)) return;
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

export const gatewayTypes = {
  routes: resources.httpRoutes,
  gateways: resources.gateways,
  classes: resources.gatewayClasses,
} as const;
