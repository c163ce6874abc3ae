// SPDX-License-Identifier: Apache-2.0
// Service: defaults, validation, and the addresses that the API server gives out itself.
// Source: k8s.io/kubernetes/pkg/apis/core/v1/defaults.go, pkg/registry/core/service/storage
import type { AnyObject, Service } from "@serval/api";
import type { FieldError } from "@serval/kube/patch/contract";
import type { KindRules } from "../resources/resource.ts";
import {
  dns1035Label,
  dnsLabel,
  duplicate,
  forbiddenField,
  invalidValue,
  labelErrors,
  required,
  unsupported,
} from "./finding.ts";
import { isPort, portRange, protocols } from "./pod-rules.ts";

const serviceTypes = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];

export const hasClusterAddress = ({ spec }: Service): boolean => spec?.type !== "ExternalName";

function portErrors(service: Service): FieldError[] {
  const ports = service.spec?.ports ?? [];
  const errors: FieldError[] = [];
  const headless = service.spec?.clusterIP === "None";
  if (ports.length === 0 && hasClusterAddress(service) && !headless) errors.push(required("spec.ports"));
  const names = new Set<string>();
  const numbers = new Set<string>();
  for (const [index, port] of ports.entries()) {
    const path = `spec.ports[${index}]`;
    if (ports.length > 1 && !port.name) errors.push(required(`${path}.name`));
    const wrong = port.name ? dnsLabel(port.name) : undefined;
    if (wrong !== undefined) errors.push(invalidValue(`${path}.name`, port.name, wrong));
    if (port.name && names.has(port.name)) errors.push(duplicate(`${path}.name`, port.name));
    names.add(port.name ?? "");
    if (!isPort(port.port)) errors.push(invalidValue(`${path}.port`, port.port, portRange));
    if (typeof port.targetPort === "number" && !isPort(port.targetPort))
      errors.push(invalidValue(`${path}.targetPort`, port.targetPort, portRange));
    if (port.protocol && !protocols.includes(port.protocol))
      errors.push(unsupported(`${path}.protocol`, port.protocol, protocols));
    const number = `${port.protocol}:${port.port}`;
    if (numbers.has(number))
      errors.push(
        duplicate(path, { name: port.name, protocol: port.protocol, port: port.port, targetPort: port.targetPort }),
      );
    numbers.add(number);
  }
  return errors;
}

/** The address of a Service never moves while it exists. */
function addressErrors(next: Service, old: Service | undefined): FieldError[] {
  const before = old?.spec?.clusterIP;
  const after = next.spec?.clusterIP;
  if (!before || before === after || !hasClusterAddress(next)) return [];
  if (old !== undefined && !hasClusterAddress(old)) return [];
  return [invalidValue("spec.clusterIPs[0]", [after ?? ""], "may not change once set")];
}

export const serviceRules: KindRules = {
  initialStatus: () => ({ loadBalancer: {} }),
  validateName: dns1035Label,
  defaults(object) {
    const { spec } = object as unknown as Service;
    if (spec === undefined) return;
    spec.sessionAffinity ||= "None";
    spec.type ||= "ClusterIP";
    if (spec.sessionAffinity === "ClientIP") {
      const timeoutSeconds = spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? 10_800;
      spec.sessionAffinityConfig = { ...spec.sessionAffinityConfig, clientIP: { timeoutSeconds } };
    }
    for (const port of spec.ports ?? []) {
      port.protocol ||= "TCP";
      port.targetPort ||= port.port;
    }
    if (spec.type === "ExternalName") return;
    spec.internalTrafficPolicy ??= "Cluster";
    if (spec.type !== "ClusterIP") spec.externalTrafficPolicy ??= "Cluster";
    if (spec.type === "LoadBalancer") spec.allocateLoadBalancerNodePorts ??= true;
  },
  admitCreate(object) {
    const { spec } = object as unknown as Service;
    if (spec === undefined || spec.type === "ExternalName") return;
    spec.ipFamilies ??= ["IPv4"];
    spec.ipFamilyPolicy ??= "SingleStack";
  },
  prepareUpdate(next, old) {
    const spec = (next as unknown as Service).spec;
    const before = (old as unknown as Service).spec;
    if (spec === undefined || before === undefined || spec.type === "ExternalName") return;
    // A replace that leaves the address out keeps it. Source: registry/core/service/storage/alloc.go
    spec.clusterIP ||= before.clusterIP;
    if (before.clusterIPs !== undefined) spec.clusterIPs ??= [...before.clusterIPs];
    spec.ipFamilies ??= ["IPv4"];
    spec.ipFamilyPolicy ??= "SingleStack";
  },
  validate(next, old) {
    const service = next as unknown as Service;
    const { spec } = service;
    if (spec === undefined) return [required("spec.ports")];
    const errors = portErrors(service);
    if (!serviceTypes.includes(spec.type ?? "ClusterIP"))
      errors.push(unsupported("spec.type", spec.type, serviceTypes));
    if (spec.type === "ExternalName" && !spec.externalName) errors.push(required("spec.externalName"));
    if (spec.type === "ExternalName" && spec.clusterIP)
      errors.push(forbiddenField("spec.clusterIPs", "may not be set when `type` is 'ExternalName'"));
    return [
      ...errors,
      ...labelErrors(spec.selector, "spec.selector"),
      ...addressErrors(service, old as unknown as Service | undefined),
    ];
  },
};

/** Gives out unique addresses of 127.<octet>.0.0/17: all of 127/8 is this machine on Linux. */
export interface AddressPool {
  allocate(service: AnyObject): string;
  reserve(address: string): boolean;
  release(address: string): void;
}

const poolSize = 128 * 254;

const addressAt = (octet: number, index: number): string =>
  `127.${octet}.${Math.floor(index / 254)}.${(index % 254) + 1}`;

/** Next free address, so that one just released is not used at once by another Service. */
export function createAddressPool(choose?: (service: AnyObject) => string, octet = 1): AddressPool {
  const used = new Set<string>();
  let next = 0;
  return {
    allocate(service) {
      if (choose !== undefined) {
        const address = choose(service);
        used.add(address);
        return address;
      }
      for (let tried = 0; tried < poolSize; tried++) {
        const address = addressAt(octet, next);
        next = (next + 1) % poolSize;
        if (used.has(address)) continue;
        used.add(address);
        return address;
      }
      throw new Error(
        `Cannot give the Service an address: all ${poolSize} of 127.${octet}.0.0/17 are in use; delete unused Services`,
      );
    },
    reserve(address) {
      if (used.has(address)) return false;
      used.add(address);
      return true;
    },
    release: (address) => void used.delete(address),
  };
}
