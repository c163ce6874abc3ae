// SPDX-License-Identifier: Apache-2.0
// GKE schedules GPUs by a node label. Source: KServe accelerator_injector.go.
import { annotations } from "@serval/api";
import { type PodStage, withSpec } from "./context.ts";

export const acceleratorSelector: PodStage = (template) => {
  const wanted = template.metadata.annotations?.[annotations.gkeAccelerator];
  const usesGpu = template.spec.containers.some(({ resources }) => resources?.limits?.["nvidia.com/gpu"] !== undefined);
  if (wanted === undefined || !usesGpu) return template;
  return withSpec(template, {
    nodeSelector: { ...template.spec.nodeSelector, "cloud.google.com/gke-accelerator": wanted },
  });
};
