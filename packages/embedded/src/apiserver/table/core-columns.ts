// SPDX-License-Identifier: Apache-2.0
// Columns of the core kinds. Source: k8s.io/kubernetes/pkg/printers/internalversion/printers.go
import type {
  AnyObject,
  Event,
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  ResourceQuota,
  Service,
} from "@serval/api";
import { ageColumn, ageOf, type Column, column, nameColumn, wide } from "./column.ts";
import { summarizePod } from "./pod-status.ts";

const none = "<none>";
const orNone = (value: unknown): unknown => (value === undefined || value === "" ? none : value);
export const labelText = (labels: Readonly<Record<string, string>> | undefined): string =>
  Object.entries(labels ?? {})
    .map(([key, value]) => `${key}=${value}`)
    .sort()
    .join(",") || none;
const sizeOf = (...maps: unknown[]): number =>
  maps.reduce<number>((sum, map) => sum + Object.keys(map ?? {}).length, 0);

/** Typed reading of a cell. */
const of =
  <T>(read: (object: T, now: Date) => unknown) =>
  (object: AnyObject, now: Date): unknown =>
    read(object as unknown as T, now);

function readinessGates({ spec, status }: Pod): string {
  const gates = spec?.readinessGates ?? [];
  if (gates.length === 0) return none;
  const met = gates.filter(({ conditionType }) =>
    status?.conditions?.some(({ type, status: value }) => type === conditionType && value === "True"),
  );
  return `${met.length}/${gates.length}`;
}

export const podColumns: readonly Column[] = [
  nameColumn,
  column(
    "Ready",
    of<Pod>((pod, now) => summarizePod(pod, now).ready),
  ),
  column(
    "Status",
    of<Pod>((pod, now) => summarizePod(pod, now).status),
  ),
  column(
    "Restarts",
    of<Pod>((pod, now) => summarizePod(pod, now).restarts),
  ),
  ageColumn,
  wide(
    "IP",
    of<Pod>(({ status }) => orNone(status?.podIP)),
  ),
  wide(
    "Node",
    of<Pod>(({ spec }) => orNone(spec?.nodeName)),
  ),
  wide(
    "Nominated Node",
    of<Pod>(({ status }) => orNone(status?.nominatedNodeName)),
  ),
  wide("Readiness Gates", of<Pod>(readinessGates)),
];

const portTexts = ({ spec }: Service): string =>
  (spec?.ports ?? [])
    .map(({ port, nodePort, protocol }) => (nodePort ? `${port}:${nodePort}/${protocol}` : `${port}/${protocol}`))
    .join(",") || none;

function externalAddress({ spec, status }: Service): string {
  if (spec?.type === "ExternalName") return spec.externalName ?? none;
  const balancer = (status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip ?? hostname ?? "");
  const addresses = [...(spec?.type === "LoadBalancer" ? balancer : []), ...(spec?.externalIPs ?? [])];
  if (addresses.length > 0) return addresses.join(",");
  return spec?.type === "LoadBalancer" ? "<pending>" : none;
}

export const serviceColumns: readonly Column[] = [
  nameColumn,
  column(
    "Type",
    of<Service>(({ spec }) => spec?.type),
  ),
  column(
    "Cluster-IP",
    of<Service>(({ spec }) => orNone(spec?.clusterIP)),
  ),
  column("External-IP", of<Service>(externalAddress)),
  column("Port(s)", of<Service>(portTexts)),
  ageColumn,
  wide(
    "Selector",
    of<Service>(({ spec }) => labelText(spec?.selector)),
  ),
];

export const namespaceColumns: readonly Column[] = [
  nameColumn,
  column("Status", ({ status }) => (status as { phase?: string } | undefined)?.phase),
  ageColumn,
];
export const configMapColumns: readonly Column[] = [
  nameColumn,
  column("Data", (object) => sizeOf(object["data"], object["binaryData"])),
  ageColumn,
];
export const secretColumns: readonly Column[] = [
  nameColumn,
  column("Type", (object) => object["type"]),
  column("Data", (object) => sizeOf(object["data"])),
  ageColumn,
];
export const serviceAccountColumns: readonly Column[] = [
  nameColumn,
  column("Secrets", (object) => sizeOf(object["secrets"])),
  ageColumn,
];

const shortModes: Record<string, string> = {
  ReadWriteOnce: "RWO",
  ReadOnlyMany: "ROX",
  ReadWriteMany: "RWX",
  ReadWriteOncePod: "RWOP",
};
const modesText = (modes: readonly string[] | undefined): string =>
  (modes ?? []).map((mode) => shortModes[mode] ?? mode).join(",");
const claimText = ({ spec }: PersistentVolume): string =>
  spec?.claimRef === undefined ? "" : `${spec.claimRef.namespace}/${spec.claimRef.name}`;

export const volumeColumns: readonly Column[] = [
  nameColumn,
  column(
    "Capacity",
    of<PersistentVolume>(({ spec }) => spec?.capacity?.["storage"] ?? "0"),
  ),
  column(
    "Access Modes",
    of<PersistentVolume>(({ spec }) => modesText(spec?.accessModes)),
  ),
  column(
    "Reclaim Policy",
    of<PersistentVolume>(({ spec }) => spec?.persistentVolumeReclaimPolicy),
  ),
  column(
    "Status",
    of<PersistentVolume>(({ metadata, status }) => (metadata.deletionTimestamp ? "Terminating" : status?.phase)),
  ),
  column("Claim", of<PersistentVolume>(claimText)),
  column(
    "StorageClass",
    of<PersistentVolume>(({ spec }) => spec?.storageClassName ?? ""),
  ),
  column(
    "VolumeAttributesClass",
    of<PersistentVolume>(({ spec }) => spec?.volumeAttributesClassName ?? "<unset>"),
  ),
  column(
    "Reason",
    of<PersistentVolume>(({ status }) => status?.reason ?? ""),
  ),
  ageColumn,
  wide(
    "VolumeMode",
    of<PersistentVolume>(({ spec }) => spec?.volumeMode ?? "<unset>"),
  ),
];
export const claimColumns: readonly Column[] = [
  nameColumn,
  column(
    "Status",
    of<PersistentVolumeClaim>(({ metadata, status }) => (metadata.deletionTimestamp ? "Terminating" : status?.phase)),
  ),
  column(
    "Volume",
    of<PersistentVolumeClaim>(({ spec }) => spec?.volumeName ?? ""),
  ),
  column(
    "Capacity",
    of<PersistentVolumeClaim>(({ spec, status }) => (spec?.volumeName ? (status?.capacity?.["storage"] ?? "0") : "")),
  ),
  column(
    "Access Modes",
    of<PersistentVolumeClaim>(({ spec, status }) => (spec?.volumeName ? modesText(status?.accessModes) : "")),
  ),
  column(
    "StorageClass",
    of<PersistentVolumeClaim>(({ spec }) => spec?.storageClassName ?? ""),
  ),
  column(
    "VolumeAttributesClass",
    of<PersistentVolumeClaim>(({ spec }) => spec?.volumeAttributesClassName ?? "<unset>"),
  ),
  ageColumn,
  wide(
    "VolumeMode",
    of<PersistentVolumeClaim>(({ spec }) => spec?.volumeMode ?? "<unset>"),
  ),
];

function nodeStatus({ spec, status }: Node): string {
  const ready = status?.conditions?.find(({ type }) => type === "Ready");
  const words = [ready === undefined ? "Unknown" : ready.status === "True" ? "Ready" : "NotReady"];
  if (spec?.unschedulable === true) words.push("SchedulingDisabled");
  return words.join(",");
}
const roleLabel = "node-role.kubernetes.io/";
const nodeRoles = ({ metadata }: Node): string =>
  Object.keys(metadata.labels ?? {})
    .filter((key) => key.startsWith(roleLabel))
    .map((key) => key.slice(roleLabel.length))
    .sort()
    .join(",") || none;
const nodeAddress = (type: string) =>
  of<Node>(({ status }) => status?.addresses?.find((address) => address.type === type)?.address ?? none);
const unknown = "<unknown>";

export const nodeColumns: readonly Column[] = [
  nameColumn,
  column("Status", of<Node>(nodeStatus)),
  column("Roles", of<Node>(nodeRoles)),
  ageColumn,
  column(
    "Version",
    of<Node>(({ status }) => status?.nodeInfo?.kubeletVersion),
  ),
  wide("Internal-IP", nodeAddress("InternalIP")),
  wide("External-IP", nodeAddress("ExternalIP")),
  wide(
    "OS-Image",
    of<Node>(({ status }) => status?.nodeInfo?.osImage || unknown),
  ),
  wide(
    "Kernel-Version",
    of<Node>(({ status }) => status?.nodeInfo?.kernelVersion || unknown),
  ),
  wide(
    "Container-Runtime",
    of<Node>(({ status }) => status?.nodeInfo?.containerRuntimeVersion || unknown),
  ),
];

const lastSeen = ({ series, lastTimestamp, eventTime, firstTimestamp }: Event): string | undefined =>
  (series?.lastObservedTime ?? lastTimestamp ?? eventTime ?? firstTimestamp) || undefined;
const firstSeen = ({ firstTimestamp, eventTime }: Event): string | undefined =>
  (firstTimestamp ?? eventTime) || undefined;
const aboutText = ({ involvedObject }: Event): string =>
  `${(involvedObject.kind ?? "").toLowerCase()}/${involvedObject.name ?? ""}`;
const sourceText = ({ source, reportingComponent, reportingInstance }: Event): string => {
  const component = source?.component || reportingComponent || "";
  const host = source?.host || reportingInstance || "";
  return host === "" ? component : `${component}, ${host}`;
};

/** Of the stored, core form. */
export const eventColumns: readonly Column[] = [
  column(
    "Last Seen",
    of<Event>((event, now) => ageOf(lastSeen(event), now)),
  ),
  column(
    "Type",
    of<Event>(({ type }) => type),
  ),
  column(
    "Reason",
    of<Event>(({ reason }) => reason),
  ),
  column("Object", of<Event>(aboutText)),
  wide(
    "Subobject",
    of<Event>(({ involvedObject }) => involvedObject.fieldPath ?? ""),
  ),
  wide("Source", of<Event>(sourceText)),
  column(
    "Message",
    of<Event>(({ message }) => (message ?? "").trim()),
  ),
  wide(
    "First Seen",
    of<Event>((event, now) => ageOf(firstSeen(event), now)),
  ),
  wide(
    "Count",
    of<Event>(({ count, series }) => series?.count ?? (count || 1)),
  ),
  { ...nameColumn, priority: 1 },
];

function quotaText({ status }: ResourceQuota, isLimit: boolean): string {
  const names = Object.keys(status?.hard ?? {}).filter((name) => name.startsWith("limits") === isLimit);
  return names
    .sort()
    .map((name) => `${name}: ${status?.used?.[name] ?? "0"}/${status?.hard?.[name]}`)
    .join(", ");
}
export const quotaColumns: readonly Column[] = [
  nameColumn,
  column(
    "Request",
    of<ResourceQuota>((quota) => quotaText(quota, false)),
  ),
  column(
    "Limit",
    of<ResourceQuota>((quota) => quotaText(quota, true)),
  ),
  ageColumn,
];
