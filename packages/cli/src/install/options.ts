// SPDX-License-Identifier: Apache-2.0
// Everything about an install that somebody may want to have otherwise: what the Helm chart parametrises.
import { type Images, images, systemNamespace } from "@serval/api";

/** Plain JSON of a pod template. */
type Json = Readonly<Record<string, unknown>>;

export interface RoleOptions {
  readonly replicas: number;
  readonly resources: Json;
  readonly nodeSelector?: Json;
  readonly tolerations?: readonly Json[];
  readonly affinity?: Json;
  readonly podAnnotations?: Json;
  /** Laid over the restricted ones. */
  readonly podSecurityContext?: Json;
  readonly securityContext?: Json;
  readonly priorityClassName?: string;
  readonly extraArgs?: readonly string[];
  readonly extraEnv?: readonly Json[];
  readonly extraVolumes?: readonly Json[];
  readonly extraVolumeMounts?: readonly Json[];
  readonly serviceAccountAnnotations?: Json;
}

export interface GatewayRoleOptions extends RoleOptions {
  /** False: another implementation of Gateway API, or Ingress, carries the routes. */
  readonly enabled: boolean;
  readonly serviceType: "LoadBalancer" | "NodePort" | "ClusterIP";
  readonly serviceAnnotations?: Json;
}

export interface InstallOptions {
  readonly namespace: string;
  /** False: the namespace is there already (Helm's --create-namespace). */
  readonly createNamespace: boolean;
  readonly images: Images;
  readonly imagePullPolicy: "Always" | "IfNotPresent" | "Never";
  readonly imagePullSecrets: readonly { readonly name: string }[];
  /** Of every object. */
  readonly labels: Readonly<Record<string, string>>;
  readonly operator: RoleOptions;
  readonly gateway: GatewayRoleOptions;
}

export const defaultInstallOptions: InstallOptions = {
  namespace: systemNamespace,
  createNamespace: true,
  images,
  imagePullPolicy: "IfNotPresent",
  imagePullSecrets: [],
  labels: {},
  operator: {
    // A second one would only wait for the lease: models are served without any, and Kubernetes starts a lost one again.
    replicas: 1,
    // No limit on CPU: a start reads the whole cluster, and a throttled one would be late for its lease.
    resources: { requests: { cpu: "100m", memory: "128Mi" }, limits: { memory: "512Mi" } },
  },
  gateway: {
    enabled: true,
    replicas: 2,
    serviceType: "LoadBalancer",
    resources: { requests: { cpu: "100m", memory: "128Mi" }, limits: { memory: "512Mi" } },
  },
};
