// SPDX-License-Identifier: Apache-2.0
// A pod and what its stages see, for tests: sklearn with one container, overridden where a test says so.
import {
  type ClusterStorageContainer,
  defaultConfig,
  type InferenceService,
  type PodSpec,
  type PredictorSpec,
  parseConfig,
  type Secret,
  type ServiceAccount,
  type ServingConfig,
} from "@serval/api";
import type { PodContext, PodTemplate } from "../context.ts";
import { noFacts, type PodFacts } from "../facts.ts";

export const serviceOf = (
  predictor: PredictorSpec,
  metadata: Partial<InferenceService["metadata"]> = {},
): InferenceService => ({
  apiVersion: "serving.kserve.io/v1beta1",
  kind: "InferenceService",
  metadata: { name: "m", namespace: "ns", uid: "u", generation: 3, ...metadata },
  spec: { predictor },
});

/** JSON sections over KServe's code defaults. */
export function configOf(sections: Readonly<Record<string, object>> = {}): ServingConfig {
  const data = Object.fromEntries(Object.entries(sections).map(([key, value]) => [key, JSON.stringify(value)]));
  const { config, problems } = parseConfig(data);
  if (problems.length > 0) throw new Error(`the test's configuration is not valid: ${problems[0]?.message}`);
  return Object.keys(sections).length === 0 ? defaultConfig() : config;
}

export interface Known {
  readonly accounts?: Readonly<Record<string, Partial<ServiceAccount>>>;
  /** Texts, not base64. */
  readonly secrets?: Readonly<Record<string, { data: Record<string, string>; annotations?: Record<string, string> }>>;
  readonly storageContainers?: readonly ClusterStorageContainer[];
}

export const factsOf = ({ accounts = {}, secrets = {}, storageContainers = [] }: Known): PodFacts => ({
  ...noFacts,
  storageContainers,
  serviceAccount: (name) => accounts[name] as ServiceAccount | undefined,
  secret: (name): Secret | undefined => {
    const found = secrets[name];
    if (found === undefined) return undefined;
    const data = Object.entries(found.data).map(([key, text]) => [key, Buffer.from(text).toString("base64")]);
    return {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name, ...(found.annotations === undefined ? {} : { annotations: found.annotations }) },
      data: Object.fromEntries(data),
    };
  },
});

export interface ContextInput extends Partial<Omit<PodContext, "isvc" | "facts">> {
  readonly predictor?: PredictorSpec;
  readonly metadata?: Partial<InferenceService["metadata"]>;
  readonly known?: Known;
}

export function contextOf({ predictor = {}, metadata, known = {}, ...rest }: ContextInput = {}): PodContext {
  const isvc = serviceOf(predictor, metadata);
  return {
    isvc,
    config: configOf(),
    role: "predictor",
    name: "m-predictor",
    component: predictor,
    facts: factsOf(known),
    ...rest,
  };
}

export const templateOf = (spec: Partial<PodSpec> = {}, annotations: Record<string, string> = {}): PodTemplate => ({
  metadata: { name: "m-predictor", annotations },
  spec: { containers: [{ name: "kserve-container", image: "e/server:1" }], ...spec },
});

export const storageContainer = (
  name: string,
  spec: Partial<ClusterStorageContainer["spec"]>,
  disabled?: boolean,
): ClusterStorageContainer => ({
  apiVersion: "serving.kserve.io/v1alpha1",
  kind: "ClusterStorageContainer",
  metadata: { name },
  spec: { container: { name: "storage-initializer", image: `e/${name}:1` }, supportedUriFormats: [], ...spec },
  ...(disabled === undefined ? {} : { disabled }),
});
