// SPDX-License-Identifier: Apache-2.0
// Where one real cluster keeps its files, and its addresses. Every cluster has a network namespace of its own, so the
// addresses are always the same.
import { join } from "node:path";

export const nodeName = "node-1";
/** Of the node itself: on the loopback device of the namespace. */
export const nodeAddress = "10.243.0.1";
export const podCidr = "10.244.0.0/24";
export const serviceCidr = "10.96.0.0/16";
/** First of the service range: the Service `kubernetes`. */
export const apiServiceAddress = "10.96.0.1";
export const dnsAddress = "10.96.0.10";
export const apiPort = 6443;
export const pauseImage = "docker.io/serval/pause:1";

export interface Layout {
  readonly dir: string;
  /** Of an administrator. */
  readonly kubeconfig: string;
  readonly pki: string;
  readonly config: string;
  readonly logs: string;
  readonly pids: string;
  readonly containerdSocket: string;
  readonly auditLog: string;
  /** JSON: what the tests must know of the cluster (`Facts`). */
  readonly facts: string;
}

export const layoutOf = (dir: string): Layout => ({
  dir,
  kubeconfig: join(dir, "kubeconfig"),
  pki: join(dir, "pki"),
  config: join(dir, "config"),
  logs: join(dir, "logs"),
  pids: join(dir, "pids"),
  containerdSocket: join(dir, "containerd.sock"),
  auditLog: join(dir, "logs", "audit.log"),
  facts: join(dir, "facts.json"),
});

/** Folders of commands and what may vary between machines. */
export interface Facts {
  /** kube-apiserver, kubelet, etcd, … */
  readonly kubernetes: string;
  /** coredns, pause, traefik; what could not be built is not there. */
  readonly others: string;
  /** Below every cgroup hierarchy: pods live there and nowhere else. */
  readonly cgroup: string;
}
