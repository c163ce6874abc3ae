// SPDX-License-Identifier: Apache-2.0
// The Service of a component in Standard mode. Source: KServe reconcilers/service.
import {
  agentPort,
  type Container,
  type ContainerPort,
  containerNames,
  defaultContainerPort,
  type Service,
  type ServicePort,
} from "@serval/api";
import type { Component } from "../../controllers/inference-service/component.ts";
import type { Resolved } from "../../controllers/inference-service/resolve.ts";
import { needsAgent } from "../../pod/index.ts";
import { objectMeta } from "./object-meta.ts";

/** A port whose name says gRPC or h2c is spoken to in HTTP/2 without TLS. */
const isHttp2 = ({ name = "" }: ContainerPort): boolean => name.includes("grpc") || name.includes("h2c");

function servicePort(port: ContainerPort, isFirst: boolean): ServicePort {
  const base = { port: isFirst ? 80 : port.containerPort, targetPort: port.containerPort };
  return {
    ...(port.name === undefined ? {} : { name: port.name }),
    ...base,
    protocol: port.protocol ?? "TCP",
    ...(isHttp2(port) ? { appProtocol: "kubernetes.io/h2c" } : {}),
  };
}

export function servicePorts(component: Component): ServicePort[] {
  const { containers } = component.pod;
  const container: Container | undefined =
    containers.find(({ name }) => name === containerNames.transformer) ?? containers[0];
  const given = container?.ports ?? [];
  const ports: ServicePort[] =
    given.length === 0
      ? [{ name: component.name, port: 80, targetPort: defaultContainerPort, protocol: "TCP" }]
      : given.map((port, index) => servicePort(port, index === 0));
  const [first, ...others] = ports;
  if (first === undefined || !needsAgent(component.spec)) return ports;
  return [{ ...first, targetPort: agentPort }, ...others];
}

export function componentService(component: Component, { isvc, config }: Resolved): Service {
  const metadata = objectMeta(component, isvc);
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata,
    spec: {
      ...(config.service.serviceClusterIPNone ? { clusterIP: "None" } : {}),
      selector: { app: component.labels["app"] ?? "" },
      ports: servicePorts(component),
    },
  };
}
