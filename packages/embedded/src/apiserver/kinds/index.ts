// SPDX-License-Identifier: Apache-2.0
// What each built-in kind adds to the general rules of the API. To add a kind: its rules here, its row in
// resources/built-in.ts, its columns in table/.
export { autoscalerRules } from "./autoscaler.ts";
export { coreEventRules, eventsView, groupEventRules } from "./event.ts";
export * from "./plain.ts";
export { podRules } from "./pod.ts";
export { serviceRules } from "./service.ts";
export { deploymentRules, replicaSetRules } from "./workload.ts";
