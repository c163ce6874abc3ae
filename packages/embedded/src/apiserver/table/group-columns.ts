// SPDX-License-Identifier: Apache-2.0
// Columns of apps, autoscaling, coordination, discovery, networking and apiextensions kinds.
// Source: k8s.io/kubernetes/pkg/printers/internalversion/printers.go
import type {
  AnyObject,
  Deployment,
  EndpointSlice,
  HorizontalPodAutoscaler,
  Ingress,
  LabelSelector,
  Lease,
  PodTemplateSpec,
  ReplicaSet,
} from "@serval/api";
import { selectorText } from "../selector.ts";
import { ageColumn, type Column, column, nameColumn, wide } from "./column.ts";

const of =
  <T>(read: (object: T) => unknown) =>
  (object: AnyObject): unknown =>
    read(object as unknown as T);
const none = "<none>";

interface Workload {
  spec?:
    | {
        selector?: LabelSelector | undefined;
        template?: PodTemplateSpec | undefined;
      }
    | undefined;
}
const containersOf = ({ spec }: Workload) => spec?.template?.spec?.containers ?? [];
const workloadColumns: readonly Column[] = [
  wide(
    "Containers",
    of<Workload>((object) =>
      containersOf(object)
        .map(({ name }) => name)
        .join(","),
    ),
  ),
  wide(
    "Images",
    of<Workload>((object) =>
      containersOf(object)
        .map(({ image }) => image)
        .join(","),
    ),
  ),
  wide(
    "Selector",
    of<Workload>(({ spec }) => selectorText(spec?.selector) || none),
  ),
];

export const deploymentColumns: readonly Column[] = [
  nameColumn,
  column(
    "Ready",
    of<Deployment>(({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec?.replicas ?? 0}`),
  ),
  column(
    "Up-to-date",
    of<Deployment>(({ status }) => status?.updatedReplicas ?? 0),
  ),
  column(
    "Available",
    of<Deployment>(({ status }) => status?.availableReplicas ?? 0),
  ),
  ageColumn,
  ...workloadColumns,
];
const integer = { type: "integer" } as const;
export const replicaSetColumns: readonly Column[] = [
  nameColumn,
  column(
    "Desired",
    of<ReplicaSet>(({ spec }) => spec?.replicas ?? 0),
    integer,
  ),
  column(
    "Current",
    of<ReplicaSet>(({ status }) => status?.replicas ?? 0),
    integer,
  ),
  column(
    "Ready",
    of<ReplicaSet>(({ status }) => status?.readyReplicas ?? 0),
    integer,
  ),
  ageColumn,
  ...workloadColumns,
];

/** `cpu: 12%/80%, 3/10 (avg)`, per metric. */
function targetsText({ spec, status }: HorizontalPodAutoscaler): string {
  const texts = (spec?.metrics ?? []).map((metric, index) => {
    const now = status?.currentMetrics?.[index];
    const { target } =
      metric.resource ?? metric.containerResource ?? metric.pods ?? metric.object ?? metric.external ?? {};
    const current = (now?.resource ?? now?.containerResource ?? now?.pods ?? now?.object ?? now?.external)?.current;
    const name = metric.resource?.name ?? metric.containerResource?.name;
    const prefix = name === undefined ? "" : `${name}: `;
    if (target?.averageUtilization !== undefined) {
      const used = current?.averageUtilization === undefined ? "<unknown>" : `${current.averageUtilization}%`;
      return `${prefix}${used}/${target.averageUtilization}%`;
    }
    if (target?.averageValue !== undefined) {
      const average = name === undefined && metric.pods === undefined ? " (avg)" : "";
      return `${prefix}${current?.averageValue ?? "<unknown>"}/${target.averageValue}${average}`;
    }
    return `${prefix}${current?.value ?? "<unknown>"}/${target?.value ?? "<auto>"}`;
  });
  if (texts.length === 0) return none;
  return texts.length > 2 ? `${texts.slice(0, 2).join(", ")} + ${texts.length - 2} more...` : texts.join(", ");
}

export const autoscalerColumns: readonly Column[] = [
  nameColumn,
  column(
    "Reference",
    of<HorizontalPodAutoscaler>(({ spec }) => `${spec?.scaleTargetRef.kind}/${spec?.scaleTargetRef.name}`),
  ),
  column("Targets", of<HorizontalPodAutoscaler>(targetsText)),
  column(
    "MinPods",
    of<HorizontalPodAutoscaler>(({ spec }) => String(spec?.minReplicas ?? "<unset>")),
  ),
  column(
    "MaxPods",
    of<HorizontalPodAutoscaler>(({ spec }) => spec?.maxReplicas),
  ),
  column(
    "Replicas",
    of<HorizontalPodAutoscaler>(({ status }) => status?.currentReplicas ?? 0),
  ),
  ageColumn,
];

export const leaseColumns: readonly Column[] = [
  nameColumn,
  column(
    "Holder",
    of<Lease>(({ spec }) => spec?.holderIdentity ?? ""),
  ),
  ageColumn,
];

/** At most three, as kubectl shows them. */
const firstThree = (texts: readonly string[]): string => {
  if (texts.length === 0) return "<unset>";
  return texts.length > 3 ? `${texts.slice(0, 3).join(",")} + ${texts.length - 3} more...` : texts.join(",");
};
const allAddresses = ({ endpoints }: EndpointSlice): string[] =>
  (endpoints ?? []).flatMap(({ addresses }) => addresses ?? []);

export const endpointSliceColumns: readonly Column[] = [
  nameColumn,
  column(
    "AddressType",
    of<EndpointSlice>(({ addressType }) => addressType),
  ),
  column(
    "Ports",
    of<EndpointSlice>(({ ports }) => firstThree((ports ?? []).map(({ port }) => String(port ?? "*")))),
  ),
  column(
    "Endpoints",
    of<EndpointSlice>((slice) => firstThree(allAddresses(slice))),
  ),
  ageColumn,
];

const ingressHosts = ({ spec }: Ingress): string => {
  const hosts = (spec?.rules ?? []).map(({ host }) => host).filter((host) => host !== undefined && host !== "");
  return hosts.length === 0 ? "*" : hosts.join(",");
};
export const ingressColumns: readonly Column[] = [
  nameColumn,
  column(
    "Class",
    of<Ingress>(({ spec }) => spec?.ingressClassName ?? none),
  ),
  column("Hosts", of<Ingress>(ingressHosts)),
  column(
    "Address",
    of<Ingress>(({ status }) =>
      (status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip ?? hostname).join(","),
    ),
  ),
  column(
    "Ports",
    of<Ingress>(({ spec }) => ((spec?.tls ?? []).length > 0 ? "80, 443" : "80")),
  ),
  ageColumn,
];

export const definitionColumns: readonly Column[] = [
  nameColumn,
  column("Created At", ({ metadata }) => metadata.creationTimestamp, { type: "date" }),
];
