// SPDX-License-Identifier: Apache-2.0
// What Kubernetes fills into a pod or a pod template. Source: k8s.io/kubernetes/pkg/apis/core/v1/defaults.go
import type { AnyObject, Container, HTTPGetAction, Pod, PodSpec, Probe, Volume } from "@serval/api";

const fileMode = 0o644;

/** `latest` or no tag means: look for a newer one. A digest pins. */
function pullPolicy(image: string): "Always" | "IfNotPresent" {
  if (image.includes("@")) return "IfNotPresent";
  const name = image.slice(image.lastIndexOf("/") + 1);
  const colon = name.indexOf(":");
  return colon < 0 || name.slice(colon + 1) === "latest" ? "Always" : "IfNotPresent";
}

function defaultHttpGet(action: HTTPGetAction | undefined): void {
  if (action === undefined) return;
  action.path ||= "/";
  action.scheme ||= "HTTP";
}

function defaultProbe(probe: Probe | undefined): void {
  if (probe === undefined) return;
  probe.timeoutSeconds ||= 1;
  probe.periodSeconds ||= 10;
  probe.successThreshold ||= 1;
  probe.failureThreshold ||= 3;
  defaultHttpGet(probe.httpGet);
  if (probe.grpc !== undefined) probe.grpc.service ??= "";
}

function defaultContainer(container: Container, hostNetwork: boolean): void {
  container.imagePullPolicy ||= pullPolicy(container.image ?? "");
  container.terminationMessagePath ||= "/dev/termination-log";
  container.terminationMessagePolicy ||= "File";
  container.resources ??= {};
  for (const port of container.ports ?? []) {
    port.protocol ||= "TCP";
    if (hostNetwork) port.hostPort ||= port.containerPort;
  }
  for (const { valueFrom } of container.env ?? []) {
    if (valueFrom?.fieldRef !== undefined) valueFrom.fieldRef.apiVersion ||= "v1";
  }
  for (const probe of [container.livenessProbe, container.readinessProbe, container.startupProbe]) defaultProbe(probe);
  defaultHttpGet(container.lifecycle?.postStart?.httpGet);
  defaultHttpGet(container.lifecycle?.preStop?.httpGet);
}

const fieldItems = (
  items: readonly { fieldRef?: { apiVersion?: string | undefined } | undefined }[] | undefined,
): void => {
  for (const { fieldRef } of items ?? []) if (fieldRef !== undefined) fieldRef.apiVersion ||= "v1";
};

function defaultVolume(volume: Volume): void {
  const { name: _, ...sources } = volume;
  if (Object.values(sources).every((source) => source === undefined)) volume.emptyDir = {};
  if (volume.secret !== undefined) volume.secret.defaultMode ??= fileMode;
  if (volume.configMap !== undefined) volume.configMap.defaultMode ??= fileMode;
  if (volume.downwardAPI !== undefined) {
    volume.downwardAPI.defaultMode ??= fileMode;
    fieldItems(volume.downwardAPI.items);
  }
  if (volume.projected !== undefined) {
    volume.projected.defaultMode ??= fileMode;
    for (const { serviceAccountToken, downwardAPI } of volume.projected.sources ?? []) {
      if (serviceAccountToken !== undefined) serviceAccountToken.expirationSeconds ??= 3600;
      fieldItems(downwardAPI?.items);
    }
  }
  if (volume.hostPath !== undefined) volume.hostPath.type ??= "";
  const claim = volume.ephemeral?.volumeClaimTemplate?.spec;
  if (claim !== undefined) claim.volumeMode ??= "Filesystem";
}

export function defaultPodSpec(spec: PodSpec): void {
  spec.dnsPolicy ||= "ClusterFirst";
  spec.restartPolicy ||= "Always";
  spec.securityContext ??= {};
  spec.terminationGracePeriodSeconds ??= 30;
  spec.schedulerName ||= "default-scheduler";
  const hostNetwork = spec.hostNetwork === true;
  for (const container of [...(spec.initContainers ?? []), ...(spec.containers ?? [])]) {
    defaultContainer(container, hostNetwork);
  }
  for (const volume of spec.volumes ?? []) defaultVolume(volume);
  // Kubernetes keeps the old spelling as an alias of serviceAccountName.
  if (spec.serviceAccountName) spec.serviceAccount = spec.serviceAccountName;
  else if (spec.serviceAccount) spec.serviceAccountName = spec.serviceAccount;
}

function requestsFromLimits({ resources }: Container): void {
  const limits = resources?.limits;
  if (resources === undefined || limits === undefined) return;
  resources.requests = { ...limits, ...resources.requests };
}

export function defaultPod(object: AnyObject): void {
  const { spec } = object as unknown as Pod;
  if (spec === undefined) return;
  defaultPodSpec(spec);
  for (const container of [...(spec.initContainers ?? []), ...(spec.containers ?? [])]) requestsFromLimits(container);
  spec.enableServiceLinks ??= true;
}

/**
 * What Kubernetes' ServiceAccount, DefaultTolerationSeconds and Priority admission write. The token volume
 * (`kube-api-access-…`) is not mounted: nothing here would accept the token yet.
 */
export function admitPod(object: AnyObject): void {
  const { spec } = object as unknown as Pod;
  if (spec === undefined) return;
  spec.serviceAccountName ||= "default";
  spec.priority ??= 0;
  spec.preemptionPolicy ??= "PreemptLowerPriority";
  const tolerations = spec.tolerations ?? [];
  spec.tolerations = tolerations;
  for (const key of ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"]) {
    if (
      tolerations.some((known) => (known.key === key || !known.key) && (known.effect === "NoExecute" || !known.effect))
    )
      continue;
    tolerations.push({ key, operator: "Exists", effect: "NoExecute", tolerationSeconds: 300 });
  }
}
