// SPDX-License-Identifier: Apache-2.0
// Containers that are not created, end, or do not answer.
import * as e from "./testing/evidence.ts";
import { checkRows, type Row } from "./testing/rows.ts";

const oomed = { exitCode: 137, reason: "OOMKilled" };
const containers: readonly Row[] = [
  {
    name: "the storage initializer has too little memory",
    given: {
      pods: [e.failedInit("", oomed)],
      deployments: [
        e.deployment({ initContainers: [{ name: "storage-initializer", resources: { limits: { memory: "100Mi" } } }] }),
      ],
    },
    reason: "OutOfMemory",
    says: /^The storage initializer of pod iris-1 was killed for using too much memory \(its limit is 100Mi\)$/,
    fix: /annotation serving.kserve.io\/storage-initializer-memory: 8Gi/,
  },
  {
    name: "the model has too little memory",
    given: {
      pods: [e.pod({ containerStatuses: [e.container(e.ended(137, oomed))] })],
      deployments: [
        e.deployment({ containers: [{ name: "kserve-container", resources: { limits: { memory: "4Gi" } } }] }),
      ],
    },
    reason: "OutOfMemory",
    says: /its limit is 4Gi/,
    fix: /from 4Gi to 8Gi/,
  },
  {
    name: "a Secret is missing",
    given: { pods: [e.waiting("CreateContainerConfigError", 'secret "keys" not found')] },
    reason: "ReferenceMissing",
    says: /cannot be created: secret "keys" not found/,
    fix: /Create the Secret keys/,
  },
  {
    name: "a key of a ConfigMap is missing",
    given: { pods: [e.waiting("CreateContainerConfigError", "couldn't find key url in ConfigMap team/settings")] },
    reason: "ReferenceMissing",
    says: /couldn't find key url/,
    fix: /Add the key url to the ConfigMap team\/settings/,
  },
  {
    name: "a volume's Secret is missing: only an event says so",
    given: {
      pods: [
        e.pod({
          phase: "Pending",
          conditions: [{ type: "PodScheduled", status: "True" }],
          containerStatuses: [e.container({ waiting: { reason: "ContainerCreating" } })],
        }),
      ],
      details: {
        events: new Map([
          ["iris-1", [e.event("FailedMount", 'MountVolume.SetUp failed for volume "v" : secret "tls" not found')]],
        ]),
      },
    },
    reason: "ReferenceMissing",
    says: /waits for a volume/,
    fix: /Create the Secret tls/,
  },
  {
    name: "an evicted pod",
    given: { pods: [e.pod({ phase: "Failed", reason: "Evicted", message: "The node was low on resource: memory." })] },
    reason: "PodEvicted",
    says: /put out by its node \(Evicted\): The node was low/,
  },
];

const crashes: readonly Row[] = (
  [
    ["openai.OpenAIError: OPENAI_API_KEY required", "ApiKeyRequired", /--api-key=EMPTY/],
    ["torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB", "GpuOutOfMemory", /max-model-len/],
    [
      "Cannot load the model: model.joblib is not a scikit-learn model that can be read (no)",
      "WrongFormat",
      /modelFormat \(now sklearn\)/,
    ],
    [
      "Cannot load: no .bst, .json, .ubj file in /m; it holds model.joblib. Point",
      "WrongFormat",
      /to xgboost|to what|now sklearn/,
    ],
    ["NCCL WARN Error: failed to extend /dev/shm/nccl-a1 : No space left on device", "SharedMemoryTooSmall", /8Gi/],
    ["java: MODEL_NOT_LOADED iris", "ModelNotLoaded", /modelTTL/],
    ["OSError: You are trying to access a gated repo", "GatedModel", /./],
    ["panic: bug", "CrashLoop", /kubectl logs iris-1 -c kserve-container --previous/],
  ] as const
).map(([message, reason, fix]) => ({
  name: `${reason}: ${message.slice(0, 40)}`,
  given: { pods: [e.crashed(message)] },
  reason,
  says: /^Container kserve-container of pod iris-1 ended with exit code 1: /,
  fix,
}));

const running = e.pod({
  phase: "Running",
  containerStatuses: [e.container({ running: { startedAt: "2026-01-01T00:09:00Z" } })],
});
const later: readonly Row[] = [
  {
    name: "a crash without last words has its log's end",
    given: {
      pods: [e.crashed("")],
      details: { logs: new Map([["iris-1/kserve-container", "Traceback\nKeyError: 'x'"]]) },
    },
    reason: "CrashLoop",
    says: /KeyError: 'x'/,
  },
  {
    name: "a crash still counts while the next start is not ready",
    given: {
      pods: [
        e.pod({
          containerStatuses: [
            e.container({ running: { startedAt: "2026-01-01T00:09:59Z" } }, { restartCount: 3, lastState: e.ended(2) }),
          ],
        }),
      ],
    },
    reason: "CrashLoop",
    says: /exit code 2/,
  },
  {
    name: "the liveness probe killed it",
    given: {
      pods: [e.crashed("", 137)],
      details: {
        events: new Map([
          ["iris-1", [e.event("Unhealthy", "Liveness probe failed: HTTP probe failed with statuscode: 503")]],
        ]),
      },
    },
    reason: "LivenessProbeFailed",
    says: /was restarted: Liveness probe failed: HTTP probe failed with statuscode: 503/,
  },
  {
    name: "it does not become ready",
    given: { pods: [running] },
    reason: "ProbeFailing",
    says: /runs since 2026-01-01T00:09:00Z/,
  },
  {
    name: "it does not become ready, and an event says what answered",
    given: {
      pods: [running],
      details: { events: new Map([["iris-1", [e.event("Unhealthy", "Readiness probe failed: connection refused")]]]) },
    },
    reason: "ProbeFailing",
    says: /is not ready: Readiness probe failed: connection refused/,
  },
  {
    name: "several nodes hang with a small /dev/shm",
    given: { isvc: e.service({ workerSpec: {} }), pods: [running] },
    reason: "SharedMemoryTooSmall",
    says: /wait for each other with 64 MiB of \/dev\/shm/,
  },
];

checkRows("containers", containers);
checkRows("crashes", crashes);
checkRows("running pods", later);
