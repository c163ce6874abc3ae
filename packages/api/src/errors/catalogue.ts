// SPDX-License-Identifier: Apache-2.0
// Every failure that a user can act on: one code, one heading, one way out. The same entry serves admission messages,
// conditions, events, CLI, HTTP bodies and the docs. Codes are never reused. SV3, SV4 and SV5 have files of their own.
import { type CatalogueEntry, entry } from "./entry.ts";
import { modelErrors } from "./model-errors.ts";
import { podErrors } from "./pod-errors.ts";
import { routeErrors } from "./route-errors.ts";

export type { CatalogueEntry } from "./entry.ts";

/** SV1: admission · SV2: runtime choice · SV3: model and storage · SV4: pods · SV5: routes · SV6: config · SV7: modes.
 * SV8: API server · SV9: gateway. */
export const catalogue = {
  InvalidName: entry(
    "SV1001",
    "The name is not valid",
    "Use lower case letters, digits and '-', starting with a letter",
  ),
  InvalidAutoscalerClass: entry("SV1002", "The autoscaler class is not known", "Use hpa, keda, external or none"),
  BlockedEnvironment: entry(
    "SV1003",
    "An environment variable is not allowed",
    "Remove the variable; bake it into the image if it is needed",
  ),
  InvalidWorkerSpec: entry(
    "SV1004",
    "workerSpec is not valid",
    "See the multi-node section of the InferenceService reference",
  ),
  InvalidTransformerContainer: entry(
    "SV1005",
    "A collocated transformer cannot load a model",
    "Move STORAGE_URI to kserve-container",
  ),
  NameFieldNotAllowed: entry("SV1006", "A container name is set where the runtime sets it", "Remove the field name"),
  InvalidStorage: entry(
    "SV1007",
    "The storage settings are not valid",
    "Set storageUri or storageUris, with absolute mount paths below one directory",
  ),
  InvalidConfidential: entry(
    "SV1008",
    "Confidential serving is not set up correctly",
    "Set storageUri, and resourceId as kbs:///<repo>/<type>/<tag>",
  ),
  ImplementationCount: entry(
    "SV1009",
    "A component needs exactly one implementation",
    "Set spec.predictor.model, or containers with one kserve-container, and nothing else beside it",
  ),
  InvalidProtocol: entry("SV1010", "The protocol is not known", "Use v1 or v2"),
  InvalidReplicas: entry(
    "SV1011",
    "The replica bounds are not valid",
    "Set 0 <= minReplicas <= maxReplicas; maxReplicas 0 means no bound",
  ),
  InvalidConcurrency: entry("SV1012", "containerConcurrency is negative", "Use 0 (no limit) or a positive number"),
  InvalidLogger: entry(
    "SV1013",
    "The logger is not valid",
    "Set mode to all, request or response; a storage needs path, parameters and key",
  ),
  InvalidScaling: entry(
    "SV1014",
    "The autoscaling settings are not valid",
    "See the autoscaling section of the InferenceService reference",
  ),
  InvalidCanary: entry(
    "SV1015",
    "The canary is not valid",
    "Give every canary a unique predictor.name, fixed replicas and shares that sum to at most 100",
  ),
  CanaryPercentConflict: entry(
    "SV1016",
    "Two canary percentages disagree",
    "Set canaryTrafficPercent in one place only",
  ),
  ModeChange: entry(
    "SV1017",
    "The deployment mode cannot be changed",
    "Delete and create the InferenceService, or keep its mode",
  ),
  PredictorRename: entry(
    "SV1018",
    "A renamed predictor needs another model",
    "Change storageUri together with predictor.name",
  ),
  InvalidRuntime: entry("SV1019", "The serving runtime is not valid", "See the ServingRuntime reference"),
  RuntimePriority: entry(
    "SV1020",
    "Two priorities clash",
    "Give each model format of overlapping runtimes its own priority",
  ),
  InvalidTrainedModel: entry("SV1021", "The TrainedModel is not valid", "Correct the field that the message names"),
  InvalidGraph: entry(
    "SV1022",
    "The InferenceGraph is not valid",
    "Give it a node root, one target per step, and no way back to a node that was passed",
  ),
  InvalidLocalModel: entry(
    "SV1023",
    "The local model cache is not valid",
    "Name existing LocalModelNodeGroups, and one cache per model URI",
  ),
  LocalModelInUse: entry(
    "SV1024",
    "The local model is in use",
    "Delete the services that use it first, or give them the annotation serving.kserve.io/disable-localmodel",
  ),
  InvalidLlmService: entry(
    "SV1025",
    "The LLMInferenceService is not valid",
    "Correct the field that the message names",
  ),
  PresetProtected: entry(
    "SV1026",
    "A preset of the controller cannot be deleted",
    "Copy it under another name and name that in spec.baseRefs",
  ),
  ReferenceForbidden: entry(
    "SV1027",
    "The user may not use what the object names",
    "Ask for the right that the message names, or name a Secret, ConfigMap or ServiceAccount that you may use",
  ),
  ReferenceNotChecked: entry(
    "SV1028",
    "The user's rights could not be asked for",
    "Try again; if it lasts, allow the operator to create subjectaccessreviews, or set serval.referenceChecks to off",
  ),
  RuntimeNotRecognized: entry(
    "SV2001",
    "The named runtime does not exist",
    "Create it, or name one of the runtimes that `kubectl get clusterservingruntimes` lists",
  ),
  RuntimeDisabled: entry(
    "SV2002",
    "The named runtime is disabled",
    "Set spec.disabled of the runtime to false, or name another",
  ),
  NoSupportingRuntime: entry(
    "SV2003",
    "No runtime serves this model",
    "Change modelFormat or protocolVersion, or add a ServingRuntime that lists the format with autoSelect",
  ),
  InvalidPredictorSpec: entry(
    "SV2004",
    "The predictor cannot be built",
    "Correct the runtime or the predictor as the message says",
  ),
  InvalidWorkerSpecNotSet: entry(
    "SV2005",
    "The runtime is not for several nodes",
    "Name a runtime that has a workerSpec, or remove spec.predictor.workerSpec",
  ),
  InvalidGPUAllocation: entry(
    "SV2006",
    "The nodes have too few GPUs together",
    "Raise the GPU requests, or lower pipelineParallelSize × tensorParallelSize",
  ),
  ...modelErrors,
  ...podErrors,
  ...routeErrors,
  InvalidConfig: entry(
    "SV6001",
    "The inferenceservice-config ConfigMap is not valid",
    "Correct the key that the message names; the last good settings stay in force",
  ),
  WebhookCertificate: entry(
    "SV6002",
    "The webhooks have no certificate",
    "Look at Secret serval-webhooks-cert of the operator's namespace; without cert-manager, delete it and it is made anew",
  ),
  ModeNotSupported: entry(
    "SV7001",
    "The deployment mode is not available yet",
    "Remove the annotation serving.kserve.io/deploymentMode, or set it to Standard",
  ),
  KedaMissing: entry(
    "SV7003",
    "The autoscaler class needs KEDA, which the cluster does not have",
    "Install KEDA, or set the annotation serving.kserve.io/autoscalerClass to hpa",
  ),
  OpenTelemetryMissing: entry(
    "SV7004",
    "A pod metric needs the OpenTelemetry operator, which the cluster does not have",
    "Install the OpenTelemetry operator, or remove the PodMetric from autoScaling.metrics",
  ),
  FeatureNotSupported: entry(
    "SV7002",
    "The feature is not available yet",
    "Remove the field or annotation that the message names",
  ),
  MigrationBlocked: entry(
    "SV7005",
    "The cluster cannot change hands as it is",
    "Do what the message asks for, then look again with serval migrate kserve --plan",
  ),
  MigrationTimeout: entry(
    "SV7006",
    "A step of the hand-over did not finish in time",
    "Look at what the message names, then run the same command again: it goes on where it stopped",
  ),
  ApplyFailed: entry("SV8001", "A child object was not accepted", "Read the message of the API server"),
  WebhookFailed: entry(
    "SV8002",
    "An admission webhook does not answer",
    "Look at the pods behind the webhook's Service; delete the webhook configuration if its owner is gone",
  ),
  ApiUnreachable: entry(
    "SV8003",
    "The API server does not answer",
    "Start the home with serval up, or check the kubeconfig and the network",
  ),
  CrdMissing: entry(
    "SV8004",
    "A kind of Serval is not installed",
    "Install the CRDs of this version on the server with kubectl apply --server-side",
  ),
  OperatorMissing: entry("SV8005", "No operator is at work", "Start serval operator; look at its log if it ends"),
  GatewayProcessDown: entry(
    "SV8006",
    "The home's gateway does not answer",
    "Look at logs/gateway.log of the home; serval up starts it again",
  ),
  DiskLow: entry("SV8007", "The disk is nearly full", "Free space, or move the home with --data-dir"),
  DependencyMissing: entry(
    "SV8008",
    "An optional part of the cluster is not there",
    "Install it where the services need it",
  ),
  KserveActs: entry(
    "SV8009",
    "KServe acts on this cluster, and Serval stands by",
    "Leave it so, or take over without replacing a pod: serval migrate kserve --plan",
  ),
  NoRoute: entry(
    "SV9001",
    "No route has that host and path",
    "Use the host of the InferenceService's status.url, or the path /serving/<namespace>/<name>/",
  ),
  BadBackend: entry(
    "SV9002",
    "The route has a backend that cannot be used",
    "Read the message; fix the HTTPRoute or create the Service",
  ),
  NoReadyEndpoint: entry("SV9003", "No endpoint is ready", "serval describe of the InferenceService says why"),
  NoBackend: entry("SV9004", "The route sends to nobody", "Give one backend of the HTTPRoute a weight above 0"),
  UnsupportedFilter: entry("SV9005", "The route uses a filter that this gateway does not have", "Remove the filter"),
  RequestTooLarge: entry("SV9006", "The request body is too large", "Raise --max-request-bytes of the gateway"),
  RequestTimeout: entry("SV9007", "The answer took too long", "Raise spec.<component>.timeout of the InferenceService"),
  ModelUnreachable: entry("SV9008", "The model server did not answer", "serval logs of the InferenceService says why"),
  GrpcNotServed: entry("SV9009", "gRPC is not served by this gateway yet", "Use the REST protocols v1 and v2"),
  UpgradeNotServed: entry("SV9010", "Connection upgrades are not served yet", "Use plain requests"),
  BodyStalled: entry("SV9011", "The request body did not come", "Send the body without long pauses"),
} as const satisfies Record<string, CatalogueEntry>;

export type Reason = keyof typeof catalogue;
