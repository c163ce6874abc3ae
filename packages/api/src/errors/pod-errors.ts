// SPDX-License-Identifier: Apache-2.0
// Failures of pods, and what slows a service down: SV4 of the catalogue.
import { type CatalogueEntry, entry } from "./entry.ts";

export const podErrors = {
  ImageNotRunnable: entry(
    "SV4001",
    "The image cannot be run",
    "Correct the image; in the embedded home, install a container engine or use a cluster",
  ),
  CrashLoop: entry("SV4002", "The container ends again and again", "Read its last words: kubectl logs --previous"),
  ProbeFailing: entry(
    "SV4003",
    "The container does not answer its probe",
    "Check that it listens on the probed port and path; give slow starts a startupProbe",
  ),
  Unschedulable: entry("SV4004", "No place for the pod", "Free or add the resource that the message names"),
  OutOfMemory: entry("SV4005", "The container ran out of memory", "Raise resources.limits.memory"),
  ContainerConfig: entry(
    "SV4006",
    "The container cannot be created",
    "Create the Secret, ConfigMap or volume that the message names",
  ),
  PodRejected: entry("SV4007", "Pods are refused", "Read the message: a quota, a policy or a webhook refused the pod"),
  DeviceMissing: entry(
    "SV4008",
    "No node has the device that the pod asks for",
    "Add a node that offers it (for GPUs: with the vendor's device plugin running), or remove it from the resources",
  ),
  DeviceInUse: entry(
    "SV4009",
    "Every device of that kind is in use",
    "Free one, add a node, or wait until another pod ends",
  ),
  InsufficientResources: entry(
    "SV4010",
    "No node has enough free CPU, memory or room for pods",
    "Lower the requests, free a node or add one",
  ),
  NodeMismatch: entry(
    "SV4011",
    "No node may take the pod",
    "Correct nodeSelector or affinity, or add a toleration to the component",
  ),
  VolumeNotBound: entry(
    "SV4012",
    "A volume of the pod cannot be used",
    "Create the PersistentVolumeClaim, or correct its storage class; it must become Bound in a zone of the nodes",
  ),
  ImageNotFound: entry("SV4013", "The image does not exist", "Correct the image's name or tag, or push it"),
  ImagePullDenied: entry(
    "SV4014",
    "The registry does not let this pod pull the image",
    "Add a pull secret for the registry to spec.predictor.imagePullSecrets or to the ServiceAccount",
  ),
  ImagePullRateLimited: entry(
    "SV4015",
    "The registry's rate limit is reached",
    "Pull with an account (imagePullSecrets), use a mirror, or wait",
  ),
  QuotaExceeded: entry(
    "SV4016",
    "A quota of the namespace is used up",
    "Raise the ResourceQuota, free what it counts, or lower the component's resources",
  ),
  LimitRangeViolated: entry(
    "SV4017",
    "A LimitRange of the namespace refuses the pod",
    "Set the component's resources within the bounds that the message names",
  ),
  PodSecurityRefused: entry(
    "SV4018",
    "The namespace's Pod Security level refuses the pod",
    "Set the securityContext that the message asks for on the component's containers, or use another namespace",
  ),
  ServiceAccountMissing: entry(
    "SV4019",
    "The ServiceAccount does not exist",
    "Create it in the namespace, or correct serviceAccountName",
  ),
  PodEvicted: entry(
    "SV4020",
    "The node put the pod out",
    "Read the message: the node ran short of memory or disk; set requests, or give the node more",
  ),
  LivenessProbeFailed: entry(
    "SV4021",
    "The container is restarted because its liveness probe fails",
    "Raise timeoutSeconds and failureThreshold of the livenessProbe, or give a slow start a startupProbe",
  ),
  StartupProbeFailed: entry(
    "SV4022",
    "The container does not start in time",
    "Raise failureThreshold or periodSeconds of the startupProbe: their product is the time for loading",
  ),
  SharedMemoryTooSmall: entry(
    "SV4023",
    "/dev/shm is too small for processes that share a model",
    "Mount an emptyDir with medium Memory and sizeLimit 8Gi or more at /dev/shm, and keep the pods on one node pool by pod affinity",
  ),
  ApiKeyRequired: entry(
    "SV4024",
    "The server wants an API key",
    "Add --api-key=EMPTY to the args, or set OPENAI_API_KEY in the component's env",
  ),
  ReferenceMissing: entry(
    "SV4025",
    "A Secret or ConfigMap that the pod needs is missing",
    "Create the object or the key that the message names; the pod starts by itself",
  ),
  GpuOutOfMemory: entry(
    "SV4026",
    "The GPU has too little memory",
    "Lower --max-model-len or --gpu-memory-utilization, quantise the model, or use more or larger GPUs",
  ),
  RegistryUnreachable: entry(
    "SV4027",
    "The image registry cannot be reached",
    "Check DNS, the proxy and the certificate of the registry from the node",
  ),
  ScalingWithoutMetrics: entry(
    "SV4028",
    "The autoscaler gets no metrics",
    "Install metrics-server (cpu, memory) or an adapter for the metric, or scale on another metric",
  ),
  ScalesOnCpu: entry(
    "SV4029",
    "A GPU service scales on its CPU",
    "Set scaleMetric: concurrency with the annotation serving.kserve.io/autoscalerClass: hpa",
  ),
  ColdStart: entry(
    "SV4030",
    "The first request waits for a cold start",
    "Set minReplicas: 1, or raise the timeouts of client and gateway to 300 to 600 s and warm the service up before traffic",
  ),
  SidecarOverhead: entry(
    "SV4031",
    "A service mesh sidecar is in the path of every request",
    'Set the annotation sidecar.istio.io/inject: "false" on the service, or use Standard mode without a mesh',
  ),
} as const satisfies Record<string, CatalogueEntry>;
