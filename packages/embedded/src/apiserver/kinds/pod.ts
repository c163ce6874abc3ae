// SPDX-License-Identifier: Apache-2.0
// Pod: the rules of the kind as one object.
import type { AnyObject, Container, Pod } from "@serval/api";
import type { KindRules } from "../resources/resource.ts";
import { admitPod, defaultPod } from "./pod-defaults.ts";
import { podErrors } from "./pod-rules.ts";
import { compareQuantities } from "./quantity.ts";

const computed = ["cpu", "memory"] as const;

/** Source: k8s.io/kubernetes/pkg/apis/core/v1/helper/qos/qos.go */
export function qosClass(pod: Pod): "Guaranteed" | "Burstable" | "BestEffort" {
  const containers = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])];
  const amounts = ({ resources }: Container, side: "requests" | "limits") => resources?.[side] ?? {};
  const asks = containers.some((container) =>
    computed.some(
      (name) => amounts(container, "requests")[name] !== undefined || amounts(container, "limits")[name] !== undefined,
    ),
  );
  if (!asks) return "BestEffort";
  const exact = containers.every((container) =>
    computed.every((name) => {
      const request = amounts(container, "requests")[name];
      const limit = amounts(container, "limits")[name];
      return limit !== undefined && request !== undefined && compareQuantities(request, limit) === 0;
    }),
  );
  return exact ? "Guaranteed" : "Burstable";
}

export const podRules: KindRules = {
  initialStatus: () => ({ phase: "Pending" }),
  admitCreate: admitPod,
  defaults(object: AnyObject) {
    defaultPod(object);
    const pod = object as unknown as Pod;
    if (pod.status !== undefined) pod.status.qosClass ??= qosClass(pod);
  },
  validate: podErrors,
};
