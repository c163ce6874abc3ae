// SPDX-License-Identifier: Apache-2.0
// The two Deployments of an install, as Pod Security's restricted level allows them. Pure.
import type { AnyObject } from "@serval/api";
import { ports, selectorOf } from "./names.ts";
import type { InstallOptions, RoleOptions } from "./options.ts";

interface Role {
  readonly name: string;
  readonly component: "operator" | "gateway";
  readonly options: RoleOptions;
  readonly args: readonly string[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly env?: readonly Readonly<Record<string, unknown>>[];
  readonly health: { readonly port: string; readonly live: string; readonly ready: string };
  /** Longer than what it takes to let requests in flight end. */
  readonly graceSeconds: number;
}

const podSecurity = { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } };
const containerSecurity = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ["ALL"] },
  readOnlyRootFilesystem: true,
  runAsNonRoot: true,
};

const given = (values: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));

const probe = (path: string, port: string, periodSeconds: number) => ({
  httpGet: { path, port },
  periodSeconds,
  timeoutSeconds: 3,
});

function containerOf({ component, options, args, ports: open, env = [], health }: Role, install: InstallOptions) {
  const { extraArgs = [], extraEnv = [], extraVolumeMounts = [], securityContext } = options;
  return {
    name: component,
    image: install.images.serval,
    imagePullPolicy: install.imagePullPolicy,
    args: [...args, ...extraArgs],
    ...(env.length + extraEnv.length === 0 ? {} : { env: [...env, ...extraEnv] }),
    ports: open.map((port) => ({ ...port, protocol: "TCP" })),
    // Until it has read the cluster once, only the first probe counts: a slow API server ends nobody.
    startupProbe: { ...probe(health.live, health.port, 2), failureThreshold: 150 },
    livenessProbe: { ...probe(health.live, health.port, 10), failureThreshold: 3 },
    readinessProbe: { ...probe(health.ready, health.port, 2), failureThreshold: 3 },
    resources: options.resources,
    securityContext: { ...containerSecurity, ...securityContext },
    volumeMounts: [{ name: "tmp", mountPath: "/tmp" }, ...extraVolumeMounts],
  };
}

function deployment(role: Role, install: InstallOptions): AnyObject {
  const { name, component, options, graceSeconds } = role;
  const selector = selectorOf(component);
  const { podAnnotations, extraVolumes = [], podSecurityContext, nodeSelector, tolerations, affinity } = options;
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace: install.namespace },
    spec: {
      replicas: options.replicas,
      selector: { matchLabels: selector },
      // The old one answers until the new one does.
      strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      template: {
        metadata: given({ labels: { ...selector, ...install.labels }, annotations: podAnnotations }),
        spec: {
          serviceAccountName: name,
          terminationGracePeriodSeconds: graceSeconds,
          securityContext: { ...podSecurity, ...podSecurityContext },
          containers: [containerOf(role, install)],
          volumes: [{ name: "tmp", emptyDir: {} }, ...extraVolumes],
          ...given({ nodeSelector, tolerations, affinity, priorityClassName: options.priorityClassName }),
          ...(install.imagePullSecrets.length === 0 ? {} : { imagePullSecrets: install.imagePullSecrets }),
        },
      },
    },
  };
}

/** What the operator names in what it installs, where that is not the default. */
function imageArgs({ images }: InstallOptions): string[] {
  const slash = images.serval.lastIndexOf("/");
  const [repository, rest] = [images.serval.slice(0, slash), images.serval.slice(slash + 1)];
  return [`--repository=${repository}`, `--image-tag=${rest.slice(rest.indexOf(":") + 1)}`];
}

/**
 * Bounds the part of the heap for young objects, in MiB. V8 takes it from the memory limit (8 for 512Mi, more for more), and
 * the operator's work does not need it: with 5,000 services 4 saves 20 MiB at the same processor time (bench/operator).
 */
const youngHeap = { name: "NODE_OPTIONS", value: "--max-semi-space-size=4" } as const;

export const operatorDeployment = (install: InstallOptions): AnyObject =>
  deployment(
    {
      name: "serval-operator",
      component: "operator",
      options: install.operator,
      args: [
        "operator",
        `--metrics-addr=:${ports.metrics}`,
        `--health-addr=:${ports.health}`,
        `--webhook-port=${ports.webhooks}`,
        `--gateway=${install.gateway.enabled}`,
        ...imageArgs(install),
      ],
      env: [{ name: "POD_NAMESPACE", valueFrom: { fieldRef: { fieldPath: "metadata.namespace" } } }, youngHeap],
      ports: [
        { name: "webhooks", containerPort: ports.webhooks },
        { name: "metrics", containerPort: ports.metrics },
        { name: "health", containerPort: ports.health },
      ],
      health: { port: "health", live: "/healthz", ready: "/readyz" },
      graceSeconds: 30,
    },
    install,
  );

export const gatewayDeployment = (install: InstallOptions): AnyObject =>
  deployment(
    {
      name: "serval-gateway",
      component: "gateway",
      options: install.gateway,
      args: ["gateway", "--host=::", `--port=${ports.gateway}`, `--service=${install.namespace}/serval-gateway`],
      ports: [{ name: "http", containerPort: ports.gateway }],
      health: { port: "http", live: "/-/healthz", ready: "/-/readyz" },
      graceSeconds: 45,
    },
    install,
  );
