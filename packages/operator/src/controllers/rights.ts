// SPDX-License-Identifier: Apache-2.0
// What the controllers do with the kinds that users write, and with what they read about them.
import {
  clusterServingRuntimes,
  clusterStorageContainers,
  inferenceGraphs,
  inferenceServices,
  llmInferenceServices,
  localModelCaches,
  localModelNamespaceCaches,
  type Right,
  resources,
  servingRuntimes,
  trainedModels,
} from "@serval/api";

const watched = ["list", "watch"] as const;
/** API servers with OwnerReferencesPermissionEnforcement (OpenShift) ask for it before a child may block its owner. */
const mayBlock = { subresource: "finalizers", verbs: ["update"], why: "OwnerReferencesPermissionEnforcement" } as const;

export const controllerRights: readonly Right[] = [
  { type: inferenceServices, verbs: ["get", ...watched] },
  { type: inferenceServices, verbs: ["patch"], why: "KServe's finalizer, on services that it made" },
  { type: inferenceServices, subresource: "status", verbs: ["patch"] },
  { type: inferenceServices, ...mayBlock },
  { type: inferenceGraphs, verbs: watched },
  {
    type: inferenceGraphs,
    verbs: ["get"],
    why: "a graph whose children vanished is asked for before they are made anew",
  },
  { type: inferenceGraphs, subresource: "status", verbs: ["patch"] },
  { type: inferenceGraphs, ...mayBlock },
  { type: trainedModels, verbs: ["delete", "patch", ...watched] },
  { type: trainedModels, subresource: "status", verbs: ["patch"] },
  { type: servingRuntimes, verbs: watched },
  { type: clusterServingRuntimes, verbs: watched },
  { type: clusterStorageContainers, verbs: watched },
  ...[llmInferenceServices, localModelCaches, localModelNamespaceCaches].flatMap((type): Right[] => [
    { type, verbs: watched },
    { type, subresource: "status", verbs: ["patch"] },
  ]),
  // The configuration and certificates of the kserve namespace; RBAC cannot say that without a Role there.
  { type: resources.configMaps, verbs: watched },
  { type: resources.pods, verbs: watched },
  { type: resources.serviceAccounts, verbs: watched },
  { type: resources.serviceAccounts, verbs: ["get"], why: "an account that was made just before its service" },
  // One at a time, only those that a service names: never listed, never watched.
  { type: resources.secrets, verbs: ["get"] },
  { type: resources.coreEvents, verbs: ["create"] },
  { type: resources.coreEvents, verbs: ["patch"], why: "an event that repeats is counted" },
];

/** What a cause asks for: only while something is wrong. */
const whenWrong = "a service is not ready, and its cause asks for it";

export const causeRights: readonly Right[] = [
  { type: resources.nodes, verbs: ["list"], why: whenWrong },
  { type: resources.persistentVolumeClaims, verbs: ["get"], why: whenWrong },
  { type: resources.coreEvents, verbs: ["list"], why: whenWrong },
  { type: resources.pods, subresource: "log", verbs: ["get"], why: whenWrong },
  { type: resources.gateways, verbs: ["get"], why: whenWrong },
  { type: resources.gatewayClasses, verbs: ["get"], why: whenWrong },
];
