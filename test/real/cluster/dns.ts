// SPDX-License-Identifier: Apache-2.0
// The Service of the cluster's DNS. CoreDNS runs beside the node, so its endpoint is written by hand.
import { type AnyObject, type ResourceType, resources } from "@serval/api";
import { dnsAddress, nodeAddress } from "./layout.ts";

const name = "kube-dns";
const namespace = "kube-system";
const ports = [
  { name: "dns", port: 53, protocol: "UDP" },
  { name: "dns-tcp", port: 53, protocol: "TCP" },
];

interface Created {
  readonly type: ResourceType<AnyObject>;
  readonly object: AnyObject;
}

export const dnsObjects: readonly Created[] = [
  {
    type: resources.services as unknown as ResourceType<AnyObject>,
    object: {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name, namespace },
      spec: { clusterIP: dnsAddress, ports: ports.map((port) => ({ ...port, targetPort: 53 })) },
    },
  },
  {
    type: resources.endpointSlices as unknown as ResourceType<AnyObject>,
    object: {
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: { name, namespace, labels: { "kubernetes.io/service-name": name } },
      addressType: "IPv4",
      ports,
      endpoints: [{ addresses: [nodeAddress], conditions: { ready: true } }],
    },
  },
];
