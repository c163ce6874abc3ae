// SPDX-License-Identifier: Apache-2.0
// @serval/kube: how to talk to a cluster. Kinds live in @serval/api; controllers in @serval/operator and @serval/embedded.
export * from "./admission.ts";
export * from "./cluster.ts";
export * from "./create-cluster.ts";
export * from "./errors.ts";
export * from "./events.ts";
export * from "./informer.ts";
export * from "./kubeconfig.ts";
export * from "./leader.ts";
export * from "./queue.ts";
export * from "./remote.ts";
export * from "./runner.ts";
export * from "./sharing.ts";
export * from "./transport.ts";
