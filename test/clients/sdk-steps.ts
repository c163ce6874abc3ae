// SPDX-License-Identifier: Apache-2.0
// What kserve_sdk.py must get through on every home.
export const stepsEverywhere: readonly string[] = [
  "create",
  "create with a framework's field",
  "wait_isvc_ready",
  "patch",
  "replace",
  "wait_isvc_ready with expected_generation",
  "watch",
  "list",
  "a refusal carries its reason",
  "an absent service is a 404",
  "create_trained_model, delete_trained_model",
  "create_inference_graph, get_inference_graph, delete_inference_graph",
  "set_credentials",
  "delete",
];
