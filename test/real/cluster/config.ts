// SPDX-License-Identifier: Apache-2.0
// The configuration files of a node and of its DNS, as text. Pure.
import { stringify } from "yaml";
import { apiPort, dnsAddress, type Facts, type Layout, nodeAddress, pauseImage, podCidr } from "./layout.ts";

/** Debian's place of the CNI plugins. */
export const cniPlugins = "/usr/lib/cni";
/** Soft and hard limit of open files on small machines; kubelet and kube-proxy want a million by default. */
export const openFiles = 20_000;

export const containerdConfig = ({ dir, containerdSocket, config }: Layout): string => `version = 2
root = "${dir}/containerd"
state = "${dir}/containerd-state"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper"]
[grpc]
  address = "${containerdSocket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${pauseImage}"
  restrict_oom_score_adj = true
  # Read-only containers of Pod Security "restricted" need no more than this.
  disable_apparmor = true
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
  SystemdCgroup = false
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "${cniPlugins}"
  conf_dir = "${config}/cni"
`;

/**
 * A routed pair of devices for each pod. Without a bridge all traffic between pods is routed, so that Service addresses
 * work whether or not the kernel shows bridged packets to iptables.
 */
export const podNetwork = ({ dir }: Layout): string =>
  JSON.stringify({
    cniVersion: "0.4.0",
    name: "pods",
    plugins: [
      {
        type: "ptp",
        ipMasq: false,
        ipam: {
          type: "host-local",
          dataDir: `${dir}/cni-addresses`,
          ranges: [[{ subnet: podCidr }]],
          routes: [{ dst: "0.0.0.0/0" }],
        },
      },
      { type: "portmap", capabilities: { portMappings: true } },
    ],
  });

export const kubeletConfig = (layout: Layout, { cgroup }: Facts): string =>
  stringify({
    apiVersion: "kubelet.config.k8s.io/v1beta1",
    kind: "KubeletConfiguration",
    address: nodeAddress,
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: `${layout.pki}/ca.pem` },
    },
    authorization: { mode: "Webhook" },
    tlsCertFile: `${layout.pki}/kubelet.pem`,
    tlsPrivateKeyFile: `${layout.pki}/kubelet-key.pem`,
    containerRuntimeEndpoint: `unix://${layout.containerdSocket}`,
    cgroupDriver: "cgroupfs",
    cgroupRoot: cgroup,
    // From 1.35 on version 1 is refused unless this is said.
    failCgroupV1: false,
    enforceNodeAllocatable: [],
    clusterDNS: [dnsAddress],
    clusterDomain: "cluster.local",
    resolvConf: `${layout.config}/resolv.conf`,
    podLogsDir: `${layout.dir}/pod-logs`,
    maxOpenFiles: openFiles,
    maxPods: 250,
    oomScoreAdj: 0,
    failSwapOn: false,
    // Tests bring their own images and their own small disk: nothing is evicted or collected behind their back.
    evictionHard: { "memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%" },
    imageGCHighThresholdPercent: 100,
    // A node that was restarted is believed quickly.
    nodeStatusUpdateFrequency: "2s",
    nodeStatusReportFrequency: "10s",
    syncFrequency: "10s",
    logging: { format: "text" },
  });

export const kubeProxyConfig = ({ config }: Layout, nodeName: string): string =>
  stringify({
    apiVersion: "kubeproxy.config.k8s.io/v1alpha1",
    kind: "KubeProxyConfiguration",
    mode: "iptables",
    hostnameOverride: nodeName,
    bindAddress: nodeAddress,
    clusterCIDR: podCidr,
    clientConnection: { kubeconfig: `${config}/kube-proxy.kubeconfig`, qps: 50, burst: 100 },
    // The kernel's connection table belongs to the machine, not to this namespace.
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: "0s", tcpCloseWaitTimeout: "0s" },
    iptables: { minSyncPeriod: "100ms", syncPeriod: "30s" },
  });

export const corefile = ({ config }: Layout): string => `.:53 {
  bind ${nodeAddress}
  errors
  ready ${nodeAddress}:8181
  kubernetes cluster.local in-addr.arpa {
    kubeconfig ${config}/coredns.kubeconfig default
    pods insecure
    ttl 1
  }
}
`;

/** For processes of the namespace and for pods that want the node's. */
export const resolvConf = `nameserver ${dnsAddress}
search svc.cluster.local cluster.local
options ndots:5
`;

/** Who asked for what and was told what; bodies are not kept. */
export const auditPolicy: string = stringify({
  apiVersion: "audit.k8s.io/v1",
  kind: "Policy",
  omitStages: ["RequestReceived"],
  rules: [
    { level: "None", users: ["system:apiserver", "system:kube-controller-manager", "system:kube-scheduler"] },
    { level: "Metadata" },
  ],
});

export interface Identity {
  readonly user: string;
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

/** PEM texts inlined. */
export const kubeconfigText = ({ user, cert, key, ca }: Identity): string => {
  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  const server = `https://${nodeAddress}:${apiPort}`;
  return stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": "default",
    contexts: [{ name: "default", context: { cluster: "real", user } }],
    clusters: [{ name: "real", cluster: { server, "certificate-authority-data": base64(ca) } }],
    users: [{ name: user, user: { "client-certificate-data": base64(cert), "client-key-data": base64(key) } }],
  });
};
