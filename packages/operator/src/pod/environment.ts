// SPDX-License-Identifier: Apache-2.0
// Variables that every container of a component gets.
import type { Container } from "@serval/api";
import { type PodStage, withContainers } from "./context.ts";

const serviceVariable = "INFERENCE_SERVICE_NAME";

/** Predictors: every container; transformers: the first; explainers and workers: none (KServe). */
export const serviceName: PodStage = (template, { role, isvc, group }) => {
  if (role === "explainer" || group?.isWorker === true) return template;
  const first = template.spec.containers[0];
  const value = isvc.metadata.name ?? "";
  return withContainers(template, (container: Container) => {
    if (role === "transformer" && container !== first) return container;
    const others = (container.env ?? []).filter(({ name }) => name !== serviceVariable);
    return { ...container, env: [...others, { name: serviceVariable, value }] };
  });
};
