// SPDX-License-Identifier: Apache-2.0
// Validation of pods and pod templates: the findings users meet, in Kubernetes' words.
// Source: k8s.io/kubernetes/pkg/apis/core/validation/validation.go
import { isDeepStrictEqual } from "node:util";
import type { AnyObject, Container, Pod, PodSpec } from "@serval/api";
import type { FieldError } from "@serval/kube/patch/contract";
import {
  dnsLabel,
  dnsSubdomain,
  duplicate,
  forbiddenField,
  invalidValue,
  missingValue,
  required,
  unsupported,
} from "./finding.ts";
import { compareQuantities, isQuantity } from "./quantity.ts";

/** Findings for values seen before. */
export function duplicates(values: readonly string[], path: (index: number) => string): FieldError[] {
  const seen = new Set<string>();
  return values.flatMap((value, index) => {
    if (seen.has(value)) return [duplicate(path(index), value)];
    seen.add(value);
    return [];
  });
}

export const portRange = "must be between 1 and 65535, inclusive";
export const isPort = (port: unknown): boolean =>
  typeof port === "number" && Number.isInteger(port) && port >= 1 && port <= 65535;
export const protocols = ["SCTP", "TCP", "UDP"];

function portErrors(container: Container, path: string): FieldError[] {
  return (container.ports ?? []).flatMap((port, index) => {
    const at = `${path}.ports[${index}]`;
    const errors: FieldError[] = [];
    if (!isPort(port.containerPort)) errors.push(invalidValue(`${at}.containerPort`, port.containerPort, portRange));
    if (port.protocol && !protocols.includes(port.protocol))
      errors.push(unsupported(`${at}.protocol`, port.protocol, protocols));
    return errors;
  });
}

function resourceErrors(container: Container, path: string): FieldError[] {
  const { requests = {}, limits = {} } = container.resources ?? {};
  const check = (amounts: Record<string, unknown>, at: string): FieldError[] =>
    Object.entries(amounts).flatMap(([name, amount]) => {
      if (!isQuantity(amount))
        return [invalidValue(`${at}[${name}]`, amount, "must be a quantity (for example 500m, 2, 1Gi)")];
      return compareQuantities(amount, "0") < 0
        ? [invalidValue(`${at}[${name}]`, amount, "must be greater than or equal to 0")]
        : [];
    });
  const errors = [...check(requests, `${path}.resources.requests`), ...check(limits, `${path}.resources.limits`)];
  if (errors.length > 0) return errors;
  return Object.entries(requests).flatMap(([name, request]) => {
    const limit = limits[name];
    if (limit === undefined || compareQuantities(request, limit) <= 0) return [];
    return [
      invalidValue(`${path}.resources.requests`, request, `must be less than or equal to ${name} limit of ${limit}`),
    ];
  });
}

function environmentErrors(container: Container, path: string): FieldError[] {
  return (container.env ?? []).flatMap(({ name, value, valueFrom }, index) => {
    const at = `${path}.env[${index}]`;
    const errors: FieldError[] = [];
    if (!name) errors.push(required(`${at}.name`));
    if (value && valueFrom !== undefined)
      errors.push(invalidValue(`${at}.valueFrom`, "", "may not be specified when `value` is not empty"));
    return errors;
  });
}

function mountErrors(container: Container, path: string, volumes: ReadonlySet<string>): FieldError[] {
  const mounts = container.volumeMounts ?? [];
  const paths = mounts.map(({ mountPath }) => mountPath);
  return [
    ...mounts.flatMap(({ name, mountPath }, index) => {
      const at = `${path}.volumeMounts[${index}]`;
      const errors: FieldError[] = [];
      if (!name) errors.push(required(`${at}.name`));
      else if (!volumes.has(name)) errors.push(missingValue(`${at}.name`, name));
      if (!mountPath) errors.push(required(`${at}.mountPath`));
      return errors;
    }),
    ...duplicates(paths, (index) => `${path}.volumeMounts[${index}].mountPath`).map((error) => ({
      ...error,
      reason: "FieldValueInvalid",
      message: error.message.replace(/^Duplicate value: (.*)$/, "Invalid value: $1: must be unique"),
    })),
  ];
}

function probeErrors(container: Container, path: string): FieldError[] {
  const probes = {
    livenessProbe: container.livenessProbe,
    readinessProbe: container.readinessProbe,
    startupProbe: container.startupProbe,
  };
  return Object.entries(probes).flatMap(([field, probe]) => {
    if (probe === undefined) return [];
    const handlers = [probe.exec, probe.httpGet, probe.tcpSocket, probe.grpc].filter(
      (handler) => handler !== undefined,
    );
    if (handlers.length === 0) return [required(`${path}.${field}`, "must specify a handler type")];
    if (handlers.length > 1) return [forbiddenField(`${path}.${field}`, "may not specify more than 1 handler type")];
    return [];
  });
}

function containerErrors(container: Container, path: string, volumes: ReadonlySet<string>): FieldError[] {
  const wrongName = container.name ? dnsLabel(container.name) : undefined;
  return [
    ...(container.name ? [] : [required(`${path}.name`)]),
    ...(wrongName === undefined ? [] : [invalidValue(`${path}.name`, container.name, wrongName)]),
    ...(container.image ? [] : [required(`${path}.image`)]),
    ...portErrors(container, path),
    ...environmentErrors(container, path),
    ...mountErrors(container, path, volumes),
    ...probeErrors(container, path),
    ...resourceErrors(container, path),
  ];
}

const restartPolicies = ["Always", "OnFailure", "Never"];
const dnsPolicies = ["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"];

export function podSpecErrors(spec: PodSpec | undefined, path: string): FieldError[] {
  if (spec === undefined) return [required(`${path}.containers`)];
  const volumes = spec.volumes ?? [];
  const names = new Set(volumes.map(({ name }) => name));
  const containers = spec.containers ?? [];
  const initContainers = spec.initContainers ?? [];
  const errors: FieldError[] = volumes.flatMap(({ name }, index) => {
    const wrong = name ? dnsLabel(name) : undefined;
    if (!name) return [required(`${path}.volumes[${index}].name`)];
    return wrong === undefined ? [] : [invalidValue(`${path}.volumes[${index}].name`, name, wrong)];
  });
  errors.push(
    ...duplicates(
      volumes.map(({ name }) => name),
      (index) => `${path}.volumes[${index}].name`,
    ),
  );
  if (containers.length === 0) errors.push(required(`${path}.containers`));
  for (const [index, container] of containers.entries())
    errors.push(...containerErrors(container, `${path}.containers[${index}]`, names));
  for (const [index, container] of initContainers.entries())
    errors.push(...containerErrors(container, `${path}.initContainers[${index}]`, names));
  const position = (index: number): string =>
    index < containers.length
      ? `${path}.containers[${index}].name`
      : `${path}.initContainers[${index - containers.length}].name`;
  errors.push(
    ...duplicates(
      [...containers, ...initContainers].map(({ name }) => name ?? ""),
      position,
    ),
  );
  if (spec.restartPolicy && !restartPolicies.includes(spec.restartPolicy))
    errors.push(unsupported(`${path}.restartPolicy`, spec.restartPolicy, restartPolicies));
  if (spec.dnsPolicy && !dnsPolicies.includes(spec.dnsPolicy))
    errors.push(unsupported(`${path}.dnsPolicy`, spec.dnsPolicy, dnsPolicies));
  if ((spec.terminationGracePeriodSeconds ?? 0) < 0)
    errors.push(
      invalidValue(
        `${path}.terminationGracePeriodSeconds`,
        spec.terminationGracePeriodSeconds,
        "must be greater than or equal to 0",
      ),
    );
  const wrongAccount = spec.serviceAccountName ? dnsSubdomain(spec.serviceAccountName) : undefined;
  if (wrongAccount !== undefined)
    errors.push(invalidValue(`${path}.serviceAccountName`, spec.serviceAccountName, wrongAccount));
  return errors;
}

/** The part of a pod's spec that may not change: everything but what Kubernetes lists (and the node, once unset). */
function fixedPart(spec: PodSpec): unknown {
  const { activeDeadlineSeconds: _a, tolerations: _t, terminationGracePeriodSeconds: _g, nodeName: _n, ...rest } = spec;
  const withoutImage = (containers: readonly Container[] | undefined): unknown =>
    containers?.map(({ image: _, ...container }) => container);
  return { ...rest, containers: withoutImage(spec.containers), initContainers: withoutImage(spec.initContainers) };
}

const fixedSpec =
  "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

export function podErrors(next: AnyObject, old?: AnyObject): FieldError[] {
  const { spec } = next as unknown as Pod;
  const errors = podSpecErrors(spec, "spec");
  const before = (old as unknown as Pod | undefined)?.spec;
  if (before === undefined || spec === undefined) return errors;
  const movesNode = before.nodeName !== undefined && before.nodeName !== spec.nodeName;
  if (movesNode || !isDeepStrictEqual(fixedPart(before), fixedPart(spec)))
    errors.push(forbiddenField("spec", fixedSpec));
  return errors;
}
