// SPDX-License-Identifier: Apache-2.0
// The EndpointSlice controller: which pods answer for a Service right now.
import { createHash } from "node:crypto";
import { type EndpointSlice, type Key, keyOf, type Pod, resources, type Service } from "@serval/api";
import { isConflict, type ReconcileResult } from "@serval/kube";
import type { ControllerContext } from "./context.ts";
import { canonicalJson } from "./deployment.ts";
import { controllerReference, isDeleting } from "./ownership.ts";
import { isReady } from "./pod-readiness.ts";

const managedBy = "endpointslice-controller.k8s.io";

const hasEnded = (pod: Pod): boolean => pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";

export const selects = (service: Service, pod: Pod): boolean => {
  const selector = Object.entries(service.spec?.selector ?? {});
  return selector.length > 0 && selector.every(([key, value]) => pod.metadata.labels?.[key] === value);
};

/** The number behind a Service port on this pod; undefined when the pod has no port of that name. */
function targetPort(port: NonNullable<NonNullable<Service["spec"]>["ports"]>[number], pod: Pod): number | undefined {
  const target = port.targetPort ?? port.port;
  if (typeof target === "number") return target;
  for (const container of pod.spec?.containers ?? []) {
    const named = container.ports?.find((p) => p.name === target);
    if (named !== undefined) return named.containerPort;
  }
  return undefined;
}

/** One slice per Service: the embedded home is one machine, far from the 1,000 endpoints at which slices split. */
export function endpointSliceFor(service: Service, pods: readonly Pod[]): EndpointSlice {
  const serving = pods
    .filter((pod) => pod.status?.podIP !== undefined && !hasEnded(pod))
    .sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  const sample = serving[0];
  const isPublishedEarly = service.spec?.publishNotReadyAddresses === true;
  const suffix = createHash("sha256")
    .update(service.metadata.uid ?? service.metadata.name)
    .digest("hex")
    .slice(0, 5);
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      name: `${service.metadata.name}-${suffix}`,
      namespace: service.metadata.namespace,
      labels: {
        ...service.metadata.labels,
        "kubernetes.io/service-name": service.metadata.name,
        "endpointslice.kubernetes.io/managed-by": managedBy,
      },
      ownerReferences: [controllerReference(service)],
    },
    addressType: "IPv4",
    endpoints: serving.map((pod) => ({
      addresses: [pod.status?.podIP as string],
      conditions: {
        ready: isPublishedEarly || (isReady(pod) && !isDeleting(pod)),
        serving: isPublishedEarly || isReady(pod),
        terminating: isDeleting(pod),
      },
      nodeName: pod.spec?.nodeName,
      targetRef: { kind: "Pod", namespace: pod.metadata.namespace, name: pod.metadata.name, uid: pod.metadata.uid },
    })),
    ports: (service.spec?.ports ?? []).flatMap((port) => {
      const number = sample === undefined ? undefined : targetPort(port, sample);
      if (number === undefined) return [];
      return [
        {
          name: port.name ?? "",
          port: number,
          protocol: port.protocol ?? "TCP",
          ...(port.appProtocol === undefined ? {} : { appProtocol: port.appProtocol }),
        },
      ];
    }),
  };
}

export async function reconcileEndpoints(context: ControllerContext, key: Key): Promise<ReconcileResult> {
  const { cluster, informers } = context;
  const service = informers.services.get(key);
  if (service === undefined || isDeleting(service) || Object.keys(service.spec?.selector ?? {}).length === 0)
    return undefined;
  const pods = informers.pods.list(key.namespace).filter((pod) => selects(service, pod));
  const wanted = endpointSliceFor(service, pods);
  const live = informers.endpointSlices.get(keyOf(wanted));
  if (live !== undefined && canonicalJson(contentOf(live)) === canonicalJson(contentOf(wanted))) return undefined;
  try {
    const stored =
      live === undefined
        ? await cluster.create(resources.endpointSlices, wanted)
        : await cluster.update(resources.endpointSlices, {
            ...wanted,
            metadata: { ...wanted.metadata, resourceVersion: live.metadata.resourceVersion },
          });
    informers.endpointSlices.observe(stored);
  } catch (error) {
    // Somebody else's write came first: the watch brings it, then this Service is looked at again.
    if (isConflict(error)) return { requeueAfterMs: 20 };
    throw error;
  }
  return undefined;
}

const contentOf = ({ metadata, endpoints, ports }: EndpointSlice): unknown => ({
  labels: metadata.labels,
  endpoints: endpoints ?? [],
  ports: ports ?? [],
});
