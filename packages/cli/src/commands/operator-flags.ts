// SPDX-License-Identifier: Apache-2.0
// What `serval operator` takes, as data for help and parsing. Every flag has a value; `--leader-elect` alone is true.
import type { Flag } from "../command.ts";

export const operatorFlags = {
  kubeconfig: {
    type: "string",
    value: "FILE",
    help: "The cluster (default: KUBECONFIG, the pod's service account, ~/.kube/config)",
  },
  namespace: {
    type: "string",
    value: "NS",
    help: "Where the ConfigMap and the lease are (default: kserve)",
  },
  "system-namespace": {
    type: "string",
    value: "NS",
    help: "Where the webhooks' Service and certificate are (default: POD_NAMESPACE, else serval-system)",
  },
  install: {
    type: "string",
    value: "true|false",
    help: "Bring kinds, configuration, runtimes and Gateway (default: true in a pod, else false)",
  },
  gateway: {
    type: "string",
    value: "true|false",
    help: "Whether --install brings Gateway API and a Gateway for serval gateway (default: true)",
  },
  repository: {
    type: "string",
    value: "R",
    help: "Registry and path of the images that --install names (default: serval)",
  },
  "image-tag": { type: "string", value: "TAG", help: "Their tag (default: the release's)" },
  "leader-elect": { type: "string", value: "true|false", help: "Several may run, one acts (default: true)" },
  "metrics-addr": {
    type: "string",
    value: "HOST:PORT",
    help: "/metrics, /healthz and /readyz (default: METRICS_ADDR, else a free port of 127.0.0.1)",
  },
  "health-addr": {
    type: "string",
    value: "HOST:PORT",
    help: "/healthz and /readyz on an address of their own (default: HEALTH_PROBE_ADDR, else none)",
  },
  "health-probe-addr": { type: "string", value: "HOST:PORT", help: "The same, in KServe's spelling" },
  "webhook-port": {
    type: "string",
    value: "N",
    help: "Port of the webhooks; 0: none (default: 9443 in a pod, else that of --webhook-url, else none)",
  },
  "webhook-url": {
    type: "string",
    value: "URL",
    help: "https:// address at which API servers reach the webhooks (default: the Service serval-webhooks)",
  },
  "log-level": { type: "string", value: "LEVEL", help: "debug, info, warn or error (default: info)" },
  workers: { type: "string", value: "N", help: "Objects that are reconciled at once (default: 8)" },
} as const satisfies Record<string, Flag>;
