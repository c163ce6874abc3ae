// SPDX-License-Identifier: Apache-2.0
// Pods that are not made, find no node, have no image, get no model.
import * as e from "./testing/evidence.ts";
import { checkRows, type Row } from "./testing/rows.ts";

const needsGpu = [e.deployment({ containers: [e.gpuContainer] })];
const gpuText = "0/3 nodes are available: 3 Insufficient nvidia.com/gpu. preemption: 0/3 nodes are available";
const replicaFailure = (message: string) => ({
  deployments: [e.deployment({}, { conditions: [{ type: "ReplicaFailure", status: "True", message }] })],
});

const scheduling: readonly Row[] = [
  {
    name: "no node has a GPU",
    given: { pods: [e.unscheduled(gpuText)], deployments: needsGpu, details: { nodes: [e.node({ cpu: "8" })] } },
    reason: "DeviceMissing",
    says: /Pod iris-1 has no node: it asks for 2 nvidia.com\/gpu and none of the 1 node\(s\) offers any/,
    fix: /add a node that offers it/,
  },
  {
    name: "no node has that many GPUs",
    given: {
      pods: [e.unscheduled(gpuText)],
      deployments: needsGpu,
      details: { nodes: [e.node({ "nvidia.com/gpu": "1" })] },
    },
    reason: "DeviceMissing",
    says: /asks for 2 nvidia.com\/gpu and no node has more than 1/,
    fix: /at most 1, use several nodes/,
  },
  {
    name: "every GPU is in use",
    given: {
      pods: [e.unscheduled(gpuText)],
      deployments: needsGpu,
      details: { nodes: [e.node({ "nvidia.com/gpu": "8" })] },
    },
    reason: "DeviceInUse",
    says: /all 8 on 1 node\(s\) are in use/,
  },
  {
    name: "the GPU nodes are tainted",
    given: {
      pods: [
        e.unscheduled(
          "0/2 nodes are available: 1 Insufficient nvidia.com/gpu, 1 node(s) had untolerated taint {nvidia.com/gpu: present}.",
        ),
      ],
      deployments: needsGpu,
      details: {
        nodes: [e.node({}), e.node({ "nvidia.com/gpu": "8" }, [{ key: "nvidia.com/gpu", effect: "NoSchedule" }])],
      },
    },
    reason: "NodeMismatch",
    says: /have the taint \{nvidia.com\/gpu: present\}/,
    fix: /toleration for \{nvidia.com\/gpu: present\} to spec.predictor.tolerations/,
  },
  {
    name: "nodes may not be listed, and the machine offers none",
    given: {
      pods: [e.unscheduled("1 Insufficient nvidia.com/gpu. This machine offers none; …")],
      deployments: needsGpu,
    },
    reason: "DeviceMissing",
    says: /asks for 2 nvidia.com\/gpu and this machine offers none/,
  },
  {
    name: "more memory than any node has",
    given: {
      pods: [e.unscheduled("0/1 nodes are available: 1 Insufficient memory.")],
      deployments: [e.deployment({ containers: [{ name: "m", resources: { requests: { memory: "64Gi" } } }] })],
      details: { nodes: [e.node({ memory: "16Gi" })] },
    },
    reason: "InsufficientResources",
    says: /asks for 65536Mi memory and the largest node has 16384Mi/,
  },
  {
    name: "CPU is used up",
    given: { pods: [e.unscheduled("0/1 nodes are available: 1 Insufficient cpu.")] },
    reason: "InsufficientResources",
    says: /cpu is used up/,
  },
  {
    name: "a selector that no node has",
    given: {
      pods: [e.unscheduled("0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.")],
      deployments: [e.deployment({ nodeSelector: { zone: "mars" } })],
    },
    reason: "NodeMismatch",
    says: /nodeSelector zone=mars/,
    fix: /kubectl label node NODE zone=mars/,
  },
  {
    name: "a claim that does not exist",
    given: { pods: [e.unscheduled('0/1 nodes are available: persistentvolumeclaim "models" not found.')] },
    reason: "VolumeNotBound",
    says: /PersistentVolumeClaim "models" does not exist in namespace team/,
    fix: /Create the PersistentVolumeClaim models in team/,
  },
  {
    name: "a claim that is not bound",
    given: {
      pods: [e.unscheduled("0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.")],
      details: {
        claims: new Map([["models", { spec: { storageClassName: "fast" }, status: { phase: "Pending" } } as never]]),
      },
    },
    reason: "VolumeNotBound",
    says: /"models" is Pending \(storage class fast\)/,
  },
];

const refusals: readonly Row[] = [
  {
    name: "a quota",
    given: replicaFailure(
      'pods "iris-1" is forbidden: exceeded quota: team, requested: limits.cpu=8, used: limits.cpu=4, limited: limits.cpu=10',
    ),
    reason: "QuotaExceeded",
    says: /No pod of iris-predictor: .*exceeded quota: team, requested: limits.cpu=8/,
  },
  {
    name: "a quota that wants limits",
    given: replicaFailure(
      'pods "iris-1" is forbidden: failed quota: team: must specify limits.cpu for: kserve-container',
    ),
    reason: "QuotaExceeded",
    says: /must specify limits.cpu/,
    fix: /wants them on every pod/,
  },
  {
    name: "a LimitRange",
    given: replicaFailure("pods is forbidden: maximum memory usage per Container is 1Gi, but limit is 2Gi"),
    reason: "LimitRangeViolated",
    says: /maximum memory usage/,
  },
  {
    name: "Pod Security",
    given: replicaFailure('pods "x" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true'),
    reason: "PodSecurityRefused",
    says: /runAsNonRoot/,
  },
  {
    name: "a missing ServiceAccount",
    given: replicaFailure('error looking up service account team/reader: serviceaccount "reader" not found'),
    reason: "ServiceAccountMissing",
    says: /"reader" not found/,
  },
  {
    name: "a webhook that is away",
    given: replicaFailure('Internal error occurred: failed calling webhook "policy.io": connection refused'),
    reason: "WebhookFailed",
    says: /policy.io/,
  },
  {
    name: "a webhook that refuses",
    given: replicaFailure('admission webhook "policy.io" denied the request: no latest tags'),
    reason: "PodRejected",
    says: /no latest tags/,
    fix: /the webhook policy.io/,
  },
];

const images: readonly Row[] = (
  [
    ["ErrImagePull", "manifest for e/m:1 not found: manifest unknown", "ImageNotFound"],
    ["ErrImagePull", "failed to authorize: 401 Unauthorized", "ImagePullDenied"],
    ["ErrImagePull", "pull access denied, repository does not exist or may require authorization", "ImagePullDenied"],
    [
      "ErrImagePull",
      "429 Too Many Requests: toomanyrequests: You have reached your pull rate limit",
      "ImagePullRateLimited",
    ],
    ["ErrImagePull", "dial tcp: lookup registry.example: no such host", "RegistryUnreachable"],
    ["InvalidImageName", 'Failed to apply default image tag "Bad Name"', "ImageNotFound"],
    ["ErrImagePull", "the catalogue of this home says nothing of it", "ImageNotRunnable"],
  ] as const
).map(([reason, message, expected]) => ({
  name: `${reason}: ${message.slice(0, 40)}`,
  given: { pods: [e.waiting(reason, message)] },
  reason: expected,
  says: /^Container kserve-container of pod iris-1 \(image e\/m:1\) cannot start: /,
}));

const downloads: readonly Row[] = (
  [
    [
      "An error occurred (403) when calling the HeadObject operation: Forbidden",
      "StorageAccessDenied",
      /role-arn.*s3:GetObject/,
    ],
    [
      "botocore.exceptions.NoCredentialsError: Unable to locate credentials",
      "StorageUnauthenticated",
      /list it in ServiceAccount default/,
    ],
    ["HTTP access denied for 'https://h/m'. Verify permissions", "StorageAccessDenied", /./],
    ["GatedRepoError: 403 Client Error. Access to model meta/x is restricted", "GatedModel", /licence/],
    ["401 Client Error. RepositoryNotFoundError", "StorageUnauthenticated", /./],
    ["RuntimeError: Failed to fetch model. No model found in s3://bucket/iris", "ModelNotFound", /case-sensitive/],
    ["Storage initialization failed: HTTP resource not found at 'x'. Fix: Look again", "ModelNotFound", /^Look again$/],
    ["Failed to connect to HTTP endpoint 'http://h'. the host name is not known", "StorageUnreachable", /./],
    ["OSError: [Errno 28] No space left on device", "StorageFull", /./],
    ["something else", "DownloadFailed", /./],
  ] as const
).map(([message, reason, fix]) => ({
  name: `${reason}: ${message.slice(0, 40)}`,
  given: { pods: [e.failedInit(message)] },
  reason,
  says: /^The storage initializer of pod iris-1.* ended with exit code 1: /,
  fix,
}));

checkRows("scheduling", scheduling);
checkRows("refusals", refusals);
checkRows("images", images);
checkRows("downloads", downloads);
