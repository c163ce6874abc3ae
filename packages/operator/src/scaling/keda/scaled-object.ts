// SPDX-License-Identifier: Apache-2.0
// The KEDA ScaledObject of a workload. Source: KServe reconcilers/keda/keda_reconciler.go.
import { type AnyObject, type ComponentMetric, ServalError } from "@serval/api";
import { defaultCpuPercent } from "../hpa/hpa.ts";
import { type Scaled, type ScalingContext, scalerMeta } from "../scaled.ts";

interface Trigger {
  readonly type: string;
  readonly metricType?: string | undefined;
  readonly metadata: Readonly<Record<string, string>>;
  readonly authenticationRef?: { readonly name: string };
}

type Target = NonNullable<ComponentMetric["resource"]>["target"];

/** KServe: the quantity as the user wrote it, in text. */
const amountOf = ({ averageUtilization, averageValue, value }: Target): string =>
  `${averageUtilization ?? averageValue ?? value ?? "0"}`;

function resourceTrigger({ name, target }: NonNullable<ComponentMetric["resource"]>): Trigger {
  const isCpu = name === "cpu";
  const value = isCpu ? `${target.averageUtilization ?? defaultCpuPercent}` : amountOf(target);
  return { type: name, metricType: target.type ?? "Utilization", metadata: { value } };
}

function externalTrigger({ metric, target, authenticationRef }: NonNullable<ComponentMetric["external"]>): Trigger {
  const { backend = "", serverAddress = "", query = "", namespace } = metric;
  const authModes = authenticationRef?.authModes;
  return {
    type: backend,
    metadata: {
      serverAddress,
      query,
      threshold: amountOf(target),
      ...(backend === "prometheus" && namespace !== undefined ? { namespace } : {}),
      ...(authModes === undefined || authModes === "" ? {} : { authModes }),
    },
    ...(authenticationRef === undefined
      ? {}
      : { authenticationRef: { name: authenticationRef.authenticationRef.name } }),
  };
}

function podTrigger(
  { metric, target }: NonNullable<ComponentMetric["podmetric"]>,
  workload: Scaled,
  { owner, config }: ScalingContext,
): Trigger {
  const { query = "", serverAddress = "", operationOverTime } = metric;
  return {
    type: "external",
    metadata: {
      metricQuery: `sum(${query}{namespace="${owner.metadata.namespace ?? "default"}", deployment="${workload.workload}"})`,
      targetValue: amountOf(target),
      scalerAddress: serverAddress === "" ? config.opentelemetryCollector.metricScalerEndpoint : serverAddress,
      ...(operationOverTime === undefined ? {} : { operationOverTime }),
    },
  };
}

/**
 * KServe reads only `autoScaling.metrics`, and KEDA refuses an object without triggers; here `scaleMetric` and
 * `scaleTarget` count too, as they do for the HPA.
 */
function triggersOf(workload: Scaled, context: ScalingContext): Trigger[] {
  const { autoScaling, scaleMetric = "cpu", scaleTarget } = workload.spec;
  const metrics = autoScaling?.metrics ?? [];
  const triggers = metrics.flatMap(({ resource, external, podmetric }): Trigger[] => {
    if (resource !== undefined) return [resourceTrigger(resource)];
    if (external !== undefined) return [externalTrigger(external)];
    return podmetric === undefined ? [] : [podTrigger(podmetric, workload, context)];
  });
  if (triggers.length > 0) return triggers;
  const type = scaleMetric === "memory" ? "memory" : "cpu";
  return [{ type, metricType: "Utilization", metadata: { value: `${scaleTarget ?? defaultCpuPercent}` } }];
}

const seconds = (text: string, fallback: number): number => (/^\d+$/.test(text) ? Number(text) : fallback);

/** @throws ServalError KedaMissing. */
export function scaledObject(workload: Scaled, context: ScalingContext): AnyObject {
  const { owner, config, serves } = context;
  if (!serves("ScaledObject"))
    throw new ServalError("KedaMissing", "autoscalerClass is keda, but KEDA is not installed");
  const { minReplicas, maxReplicas = 0, autoScaling } = workload.spec;
  const minimum = minReplicas ?? 1;
  const { scaleUpStabilizationWindowSeconds: up, scaleDownStabilizationWindowSeconds: down } = config.autoscaler;
  const { behavior } = autoScaling ?? {};
  return {
    apiVersion: "keda.sh/v1alpha1",
    kind: "ScaledObject",
    metadata: scalerMeta(workload, owner),
    spec: {
      scaleTargetRef: { name: workload.workload },
      minReplicaCount: minimum,
      maxReplicaCount: Math.max(maxReplicas, minimum),
      triggers: triggersOf(workload, context),
      advanced: {
        horizontalPodAutoscalerConfig: {
          behavior: {
            scaleUp: {
              ...behavior?.scaleUp,
              stabilizationWindowSeconds: behavior?.scaleUp?.stabilizationWindowSeconds ?? seconds(up, 0),
            },
            scaleDown: {
              ...behavior?.scaleDown,
              stabilizationWindowSeconds: behavior?.scaleDown?.stabilizationWindowSeconds ?? seconds(down, 300),
            },
          },
        },
        // KServe's Go type writes it; KEDA reads an empty one as absent.
        scalingModifiers: {},
      },
    },
  };
}
