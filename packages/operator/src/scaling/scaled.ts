// SPDX-License-Identifier: Apache-2.0
// What an autoscaler needs to know of the workload that it scales.
import type { ComponentExtension, KubeObject, ObjectMeta, ServingConfig } from "@serval/api";
import type { ChildKind } from "../children/children.ts";
import { type Owner, objectMeta } from "../modes/standard/object-meta.ts";

export interface Scaled {
  /** Name of the Deployment; the autoscaler has the same. */
  readonly workload: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly spec: Pick<
    ComponentExtension,
    "minReplicas" | "maxReplicas" | "scaleTarget" | "scaleMetric" | "autoScaling"
  >;
}

export interface ScalingContext {
  readonly owner: Owner;
  readonly config: ServingConfig;
  /** Whether the cluster has this kind of child. */
  readonly serves: (kind: ChildKind) => boolean;
}

export type Scaler = (workload: Scaled, context: ScalingContext) => KubeObject[];

export const scalerMeta = ({ workload, labels, annotations }: Scaled, owner: Owner): ObjectMeta =>
  objectMeta({ name: workload, labels, annotations }, owner);
