// SPDX-License-Identifier: Apache-2.0
// What people see before they know the cause, and the causes that show themselves so: docs/guide/troubleshoot.md is made
// of it. A test holds it against the rules: every reason that they can give stands here.
import type { Reason } from "@serval/api";

export interface Symptom {
  /** As `kubectl get` shows it, or as a client meets it. */
  readonly seen: string;
  readonly reasons: readonly Reason[];
}

export const symptoms: readonly Symptom[] = [
  {
    seen: "READY is False and there is no pod",
    reasons: [
      "RuntimeNotRecognized",
      "NoSupportingRuntime",
      "QuotaExceeded",
      "LimitRangeViolated",
      "PodSecurityRefused",
      "ServiceAccountMissing",
      "WebhookFailed",
      "PodRejected",
      "NameTooLong",
    ],
  },
  {
    seen: "The pod is `Pending` (LatestDeploymentReady=False)",
    reasons: [
      "DeviceMissing",
      "DeviceInUse",
      "InsufficientResources",
      "NodeMismatch",
      "VolumeNotBound",
      "Unschedulable",
      "PodEvicted",
    ],
  },
  {
    seen: "`ErrImagePull`, `ImagePullBackOff`",
    reasons: [
      "ImageNotFound",
      "ImagePullDenied",
      "ImagePullRateLimited",
      "RegistryUnreachable",
      "ImageVolumeUnsupported",
      "ImageNotRunnable",
    ],
  },
  {
    seen: "`ContainerCreating` for long, `CreateContainerConfigError`",
    reasons: ["ReferenceMissing", "ContainerConfig"],
  },
  {
    seen: "`Init:Error`, `Init:CrashLoopBackOff`: the storage initializer",
    reasons: [
      "OutOfMemory",
      "StorageAccessDenied",
      "StorageUnauthenticated",
      "GatedModel",
      "ModelNotFound",
      "StorageUnreachable",
      "StorageFull",
      "DownloadFailed",
    ],
  },
  {
    seen: "`CrashLoopBackOff`: the model server",
    reasons: [
      "WrongFormat",
      "GpuOutOfMemory",
      "ApiKeyRequired",
      "ModelNotLoaded",
      "LivenessProbeFailed",
      "StartupProbeFailed",
      "ModelLoadFailed",
      "CrashLoop",
    ],
  },
  { seen: "Running, and not ready", reasons: ["ProbeFailing", "SharedMemoryTooSmall"] },
  {
    seen: "Pods are ready, and the URL answers 404 or nothing",
    reasons: [
      "GatewayMissing",
      "GatewayClassUnknown",
      "GatewayNotProgrammed",
      "ListenerRefuses",
      "BackendMissing",
      "RouteUnanswered",
      "RouteNotAccepted",
      "GatewayNoAddress",
      "GatewayApiMissing",
    ],
  },
  { seen: "The canary gets no traffic, or all of it", reasons: ["WeightsNotSupported"] },
  { seen: "It does not scale with the requests", reasons: ["ScalingWithoutMetrics", "ScalesOnCpu", "KedaMissing"] },
  { seen: "The first request times out", reasons: ["ColdStart"] },
  { seen: "Slower than the bare model server", reasons: ["SidecarOverhead"] },
];
