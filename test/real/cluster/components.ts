// SPDX-License-Identifier: Apache-2.0
// The processes of a cluster as data: what each is called and how it is started. Pure.
import { join } from "node:path";
import { openFiles } from "./config.ts";
import { apiPort, type Facts, type Layout, nodeAddress, nodeName, serviceCidr } from "./layout.ts";

export interface Component {
  readonly command: string;
  readonly args: readonly string[];
}

export const componentNames = [
  "etcd",
  "kube-apiserver",
  "kube-controller-manager",
  "kube-scheduler",
  "containerd",
  "kubelet",
  "kube-proxy",
  "coredns",
] as const;
export type ComponentName = (typeof componentNames)[number];

const flags = (values: Readonly<Record<string, string | number | boolean>>): string[] =>
  Object.entries(values).map(([name, value]) => `--${name}=${value}`);

const etcdUrl = "http://127.0.0.1:2379";
const peerUrl = "http://127.0.0.1:2380";

const etcd = ({ dir }: Layout): string[] =>
  flags({
    "data-dir": join(dir, "etcd"),
    "listen-client-urls": etcdUrl,
    "advertise-client-urls": etcdUrl,
    "listen-peer-urls": peerUrl,
    "initial-advertise-peer-urls": peerUrl,
    "initial-cluster": `default=${peerUrl}`,
    // What is lost with the machine is not missed.
    "unsafe-no-fsync": true,
  });

const apiServer = ({ pki, config, auditLog }: Layout): string[] =>
  flags({
    "etcd-servers": etcdUrl,
    "bind-address": "0.0.0.0",
    "advertise-address": nodeAddress,
    "secure-port": apiPort,
    "tls-cert-file": join(pki, "apiserver.pem"),
    "tls-private-key-file": join(pki, "apiserver-key.pem"),
    "client-ca-file": join(pki, "ca.pem"),
    "kubelet-certificate-authority": join(pki, "ca.pem"),
    "kubelet-client-certificate": join(pki, "admin.pem"),
    "kubelet-client-key": join(pki, "admin-key.pem"),
    "kubelet-preferred-address-types": "InternalIP",
    "service-account-key-file": join(pki, "accounts.pem"),
    "service-account-signing-key-file": join(pki, "accounts-key.pem"),
    "service-account-issuer": "https://kubernetes.default.svc",
    "service-cluster-ip-range": serviceCidr,
    "authorization-mode": "Node,RBAC",
    "enable-admission-plugins": "NodeRestriction",
    // kubelet runs pods for nobody who is not allowed to: Pod Security decides, as on every cluster.
    "allow-privileged": true,
    "audit-policy-file": join(config, "audit-policy.yaml"),
    "audit-log-path": auditLog,
  });

const controllerManager = ({ pki, config }: Layout): string[] =>
  flags({
    kubeconfig: join(config, "kube-controller-manager.kubeconfig"),
    "service-account-private-key-file": join(pki, "accounts-key.pem"),
    "root-ca-file": join(pki, "ca.pem"),
    "use-service-account-credentials": true,
    "bind-address": "127.0.0.1",
    "leader-elect": false,
    "kube-api-qps": 200,
    "kube-api-burst": 400,
    // The node's silence is noticed in the time that a test can wait.
    "node-monitor-period": "1s",
    "node-monitor-grace-period": "12s",
  });

const scheduler = ({ config }: Layout): string[] =>
  flags({
    kubeconfig: join(config, "kube-scheduler.kubeconfig"),
    "bind-address": "127.0.0.1",
    "leader-elect": false,
  });

const kubelet = ({ dir, config }: Layout): string[] =>
  flags({
    config: join(config, "kubelet.yaml"),
    kubeconfig: join(config, "kubelet-client.kubeconfig"),
    "hostname-override": nodeName,
    "node-ip": nodeAddress,
    "root-dir": join(dir, "kubelet"),
  });

/** @returns what is started as `name`. */
export function componentOf(name: ComponentName, layout: Layout, { kubernetes, others }: Facts): Component {
  const own = join(kubernetes, name);
  switch (name) {
    case "etcd":
      return { command: own, args: etcd(layout) };
    case "kube-apiserver":
      return { command: own, args: apiServer(layout) };
    case "kube-controller-manager":
      return { command: own, args: controllerManager(layout) };
    case "kube-scheduler":
      return { command: own, args: scheduler(layout) };
    case "kubelet":
      return { command: own, args: kubelet(layout) };
    case "kube-proxy":
      return { command: own, args: flags({ config: join(layout.config, "kube-proxy.yaml") }) };
    case "containerd":
      return { command: name, args: ["--config", join(layout.config, "containerd.toml")] };
    case "coredns":
      return { command: join(others, name), args: ["-conf", join(layout.config, "Corefile")] };
  }
}

/** In front of every command: more open files are refused on this machine. */
export const limits = `ulimit -n ${openFiles} 2>/dev/null || ulimit -n "$(ulimit -Hn)"`;
