// SPDX-License-Identifier: Apache-2.0
// What admission fills in. Pure. Source: KServe pkg/apis/serving/v1alpha2/llm_inference_service_defaults.go.
import { routingGroupLabel } from "../../names.ts";
import { type LocalModels, withLocalModel } from "../../v1alpha1/local-model/match.ts";
import type { LlmInferenceService, LlmInferenceServiceSpec } from "./schema.ts";
import type { LlmPodSpec } from "./workload-schema.ts";

/** An absent list would delete the preset's containers when both are merged. */
const withContainers = (
  pod: LlmPodSpec | undefined,
): { containers: NonNullable<LlmPodSpec["containers"]> } | undefined =>
  pod === undefined ? undefined : { ...pod, containers: pod.containers ?? [] };

interface Workload {
  template?: LlmPodSpec | undefined;
  worker?: LlmPodSpec | undefined;
}

function defaultedWorkload<T extends Workload>(workload: T): T {
  const template = withContainers(workload.template);
  const worker = withContainers(workload.worker);
  return {
    ...workload,
    ...(template === undefined ? {} : { template }),
    ...(worker === undefined ? {} : { worker }),
  };
}

function defaultedRouter(router: NonNullable<LlmInferenceServiceSpec["router"]>): typeof router {
  const template = withContainers(router.scheduler?.template);
  return template === undefined ? router : { ...router, scheduler: { ...router.scheduler, template } };
}

function groupLabels(service: LlmInferenceService): Record<string, string> {
  const { [routingGroupLabel]: _old, ...others } = service.metadata.labels ?? {};
  const group = service.spec.router?.route?.group;
  return group === undefined || group === "" ? others : { ...others, [routingGroupLabel]: group };
}

/** `models` absent: the caches are not looked at, their marks stay as they are. */
export function defaultLlmInferenceService(service: LlmInferenceService, models?: LocalModels): LlmInferenceService {
  // Absent, or not an object: the schema says so.
  if (typeof service.spec !== "object" || service.spec === null) return service;
  const { model, prefill, router } = service.spec;
  const named =
    model === undefined
      ? undefined
      : { ...model, name: (model.name ?? "") === "" ? service.metadata.name : model.name };
  const spec: LlmInferenceServiceSpec = {
    ...defaultedWorkload(service.spec),
    ...(named === undefined ? {} : { model: named }),
    ...(prefill === undefined ? {} : { prefill: defaultedWorkload(prefill) }),
    ...(router === undefined ? {} : { router: defaultedRouter(router) }),
  };
  const { labels: _labels, ...rest } = service.metadata;
  const labels = groupLabels(service);
  const metadata = Object.keys(labels).length === 0 ? rest : { ...rest, labels };
  return { ...service, metadata: models === undefined ? metadata : withLocalModel(metadata, model?.uri, models), spec };
}
