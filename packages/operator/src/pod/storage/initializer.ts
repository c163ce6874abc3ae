// SPDX-License-Identifier: Apache-2.0
// The init container that fetches models, from KServe's settings to the last variable. The order of the steps decides
// the order of variables, which KServe's own pods have too. Source: KServe CommonStorageInitialization.
import {
  annotations,
  type ClusterStorageContainer,
  type Container,
  containerNames,
  type EnvVar,
  type ServingConfig,
} from "@serval/api";
import type { PodContext } from "../context.ts";
import { mergeContainers } from "../core-schema.ts";
import { withAccountCredentials } from "../credentials/index.ts";
import { storageSpecOf, withStorageSpec } from "../credentials/storage-spec.ts";
import { completedEnv, type Draft, textEnv } from "../parts.ts";
import { withCaBundle } from "./ca-bundle.ts";

type Amounts = Pick<ServingConfig["agent"], "cpuRequest" | "cpuLimit" | "memoryRequest" | "memoryLimit">;

export const resourcesFrom = ({
  cpuRequest,
  cpuLimit,
  memoryRequest,
  memoryLimit,
}: Amounts): Container["resources"] => ({
  limits: { cpu: cpuLimit, memory: memoryLimit },
  requests: { cpu: cpuRequest, memory: memoryRequest },
});

/** As KServe's settings make it, with `[uri, path, …]`. */
export const plainInitializer = ({ storageInitializer }: ServingConfig, args: readonly string[]): Container => ({
  name: containerNames.storageInitializer,
  image: storageInitializer.image || "kserve/storage-initializer:latest",
  args: [...args],
  resources: resourcesFrom(storageInitializer),
  // The last log lines become the status message when the model cannot be fetched.
  terminationMessagePolicy: "FallbackToLogsOnError",
});

/** KServe: transfer settings of the Hugging Face client, for every scheme. */
const transferEnv: readonly EnvVar[] = [
  textEnv("HF_HUB_ENABLE_HF_TRANSFER", "1"),
  textEnv("HF_XET_HIGH_PERFORMANCE", "1"),
  textEnv("HF_XET_NUM_CONCURRENT_RANGE_GETS", "8"),
];

/** KServe: model decryption happens in the initializer. */
function confidentialEnv({ role, component }: PodContext): EnvVar[] {
  const confidential = role === "predictor" && "model" in component ? component.model?.confidential : undefined;
  if (confidential?.enabled !== true) return [];
  const { resourceId } = confidential;
  return [
    textEnv("CONFIDENTIAL_ENABLED", "true"),
    ...(resourceId === undefined ? [] : [textEnv("CONFIDENTIAL_RESOURCE_ID", resourceId)]),
  ];
}

/** The seed's annotations set request and limit of one service's initializer, over everything else. */
export function withOwnResources(container: Container, { isvc, component }: PodContext): Container {
  const note = (key: keyof typeof annotations): string | undefined =>
    component.annotations?.[annotations[key]] ?? isvc.metadata.annotations?.[annotations[key]];
  const cpu = note("storageInitializerCpu");
  const memory = note("storageInitializerMemory");
  if (cpu === undefined && memory === undefined) return container;
  const own = { ...(cpu === undefined ? {} : { cpu }), ...(memory === undefined ? {} : { memory }) };
  const { limits, requests } = container.resources ?? {};
  return { ...container, resources: { limits: { ...limits, ...own }, requests: { ...requests, ...own } } };
}

/** A name is never overlaid: other stages find the container by it. */
function merged(container: Container, over: ClusterStorageContainer | undefined): Container {
  if (over === undefined) return container;
  const { name: _name, ...rest } = over.spec.container;
  return mergeContainers(container, rest);
}

export interface InitializerInput {
  /** `[uri, path, …]` */
  readonly args: readonly string[];
  readonly over: ClusterStorageContainer | undefined;
}

/** @throws ServalError when the credentials cannot be used. */
export function initializer(input: InitializerInput, context: PodContext): Draft {
  const start: Draft = { container: plainInitializer(context.config, input.args), volumes: [] };
  const spec = storageSpecOf(context);
  const allowed = spec === undefined ? withAccountCredentials(start, context) : withStorageSpec(start, spec, context);
  const trusted = withCaBundle(allowed, context);
  const container = merged(trusted.container, input.over);
  const env = [...completedEnv(container.env, transferEnv), ...confidentialEnv(context)];
  return { container: withOwnResources({ ...container, env }, context), volumes: trusted.volumes };
}
