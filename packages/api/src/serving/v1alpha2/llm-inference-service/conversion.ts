// SPDX-License-Identifier: Apache-2.0
// v1alpha1 and v1alpha2 of the LLM kinds into each other. Pure. Source: KServe
// pkg/apis/serving/v1alpha1/llm_inference_service_conversion.go: criticalities wait in annotations, the pool changes its
// shape; what only v1alpha2 has waits in an annotation too (ours).
import type { AnyObject } from "@serval/api/core/index.ts";
import { servingGroup } from "../../names.ts";
import type { PoolSpec, PoolSpecV1alpha1 } from "./router-schema.ts";

export const criticalityAnnotations = {
  model: "internal.serving.kserve.io/model-criticality",
  /** JSON: adapter name to criticality. */
  lora: "internal.serving.kserve.io/lora-criticalities",
} as const;

/**
 * Ours: JSON, field path to value, of what v1alpha1 has no field for. KServe drops those fields when anything is written
 * through v1alpha1.
 */
export const keptFieldsAnnotation = "serval.dev/v1alpha2-fields";

type Json = { [field: string]: unknown };

const isMap = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value);

/** The object with the value at the path replaced by what `change` makes of it; an absent value stays absent. */
function changed(value: unknown, path: readonly string[], change: (value: unknown) => unknown): unknown {
  const [first, ...rest] = path;
  if (first === undefined) return change(value);
  if (!isMap(value) || value[first] === undefined) return value;
  const next = changed(value[first], rest, change);
  if (next !== undefined) return { ...value, [first]: next };
  const { [first]: _gone, ...others } = value;
  return others;
}

const defined = (value: Json): Json =>
  Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined));

export function poolToV1alpha1(pool: PoolSpec): PoolSpecV1alpha1 {
  const { selector, targetPorts, endpointPickerRef } = pool;
  const { port, failureMode = "FailClose", ...reference } = endpointPickerRef;
  return {
    selector: selector.matchLabels,
    // v1alpha1 knows one port.
    targetPortNumber: targetPorts[0]?.number ?? 0,
    extensionRef: { ...reference, ...(port === undefined ? {} : { portNumber: port.number }), failureMode },
  };
}

export function poolFromV1alpha1({ selector, targetPortNumber, extensionRef }: PoolSpecV1alpha1): PoolSpec {
  const { portNumber, ...reference } = extensionRef ?? { name: "" };
  return {
    selector: { matchLabels: selector },
    targetPorts: [{ number: targetPortNumber }],
    endpointPickerRef: {
      ...reference,
      ...(portNumber === undefined ? {} : { port: { number: portNumber } }),
    },
  };
}

/** What only the stored version has, and what its users may not lose by a write through v1alpha1. */
const keptPaths = [
  "spec.kvCacheOffloading",
  "spec.prefill.kvCacheOffloading",
  "spec.model.confidential",
  "spec.router.scheduler.pool.spec.appProtocol",
];

const valueAt = (object: unknown, path: readonly string[]): unknown =>
  path.reduce<unknown>((value, name) => (isMap(value) ? value[name] : undefined), object);

function keptFields(stored: AnyObject): string | undefined {
  const found = keptPaths.map((path) => [path, valueAt(stored, path.split("."))] as const);
  const kept = found.filter(([, value]) => value !== undefined);
  return kept.length === 0 ? undefined : JSON.stringify(Object.fromEntries(kept));
}

/** Puts the fields back where their parents still are. */
function withKeptFields(object: unknown, text: string | undefined): unknown {
  const kept = parsedMap(text);
  return keptPaths.reduce((result, path) => {
    const parents = path.split(".");
    const field = parents.pop() ?? "";
    if (kept[path] === undefined) return result;
    return changed(result, parents, (parent) => (isMap(parent) ? { [field]: kept[path], ...parent } : parent));
  }, object);
}

const poolPath = ["spec", "router", "scheduler", "pool", "spec"];
/** What v1alpha1 has no field for. */
const onlyV1alpha2 = [
  "spec.kvCacheOffloading",
  "spec.prefill.kvCacheOffloading",
  "spec.model.confidential",
  "status.appliedConfigs",
  "status.workloads",
  "status.router.group",
  "status.referencedBy",
].map((path) => path.split("."));

const adaptersPath = ["spec", "model", "lora", "adapters"];

/** Takes criticalities out of the adapters. */
function adapterCriticalities(object: unknown): Record<string, string> {
  const found: Record<string, string> = {};
  changed(object, adaptersPath, (adapters) => {
    for (const adapter of Array.isArray(adapters) ? adapters : [])
      if (isMap(adapter) && typeof adapter["name"] === "string" && typeof adapter["criticality"] === "string")
        found[adapter["name"]] = adapter["criticality"];
    return adapters;
  });
  return found;
}

const eachAdapter =
  (change: (adapter: Json) => Json) =>
  (adapters: unknown): unknown =>
    Array.isArray(adapters) ? adapters.map((adapter) => (isMap(adapter) ? change(adapter) : adapter)) : adapters;

function withAnnotations(object: AnyObject, entries: Readonly<Record<string, string | undefined>>): AnyObject {
  const annotations = defined({ ...object.metadata.annotations, ...entries }) as Record<string, string>;
  const { annotations: _old, ...metadata } = object.metadata;
  return {
    ...object,
    metadata: Object.keys(annotations).length === 0 ? metadata : { ...metadata, annotations },
  };
}

function parsedMap(text: string | undefined): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text ?? "{}");
    return isMap(value) ? value : {};
  } catch {
    // Somebody's own text: nothing to restore.
    return {};
  }
}

/** As read through v1alpha1. */
export function llmToV1alpha1(stored: AnyObject): AnyObject {
  const annotations = stored.metadata.annotations ?? {};
  const criticality = annotations[criticalityAnnotations.model];
  const adapters = parsedMap(annotations[criticalityAnnotations.lora]);
  let object: unknown = { ...stored, apiVersion: `${servingGroup}/v1alpha1` };
  for (const path of onlyV1alpha2) object = changed(object, path, () => undefined);
  object = changed(
    object,
    ["status", "addresses"],
    eachAdapter(({ origin: _origin, models: _models, ...address }) => address),
  );
  object = changed(object, poolPath, (pool) => poolToV1alpha1(pool as PoolSpec));
  if (criticality !== undefined)
    object = changed(object, ["spec", "model"], (model) => ({ ...(model as Json), criticality }));
  object = changed(
    object,
    adaptersPath,
    eachAdapter((adapter) => defined({ ...adapter, criticality: adapters[String(adapter["name"])] })),
  );
  return withAnnotations(object as AnyObject, {
    [criticalityAnnotations.model]: undefined,
    [criticalityAnnotations.lora]: undefined,
    [keptFieldsAnnotation]: keptFields(stored),
  });
}

/** As stored. */
export function llmFromV1alpha1(given: AnyObject): AnyObject {
  const adapters = adapterCriticalities(given);
  let criticality: string | undefined;
  let object: unknown = { ...given, apiVersion: `${servingGroup}/v1alpha2` };
  object = changed(object, ["spec", "model"], (value) => {
    const { criticality: own, ...model } = value as Json;
    criticality = own as string | undefined;
    return model;
  });
  object = changed(
    object,
    adaptersPath,
    eachAdapter(({ criticality: _own, ...adapter }) => adapter),
  );
  object = changed(object, poolPath, (pool) => poolFromV1alpha1(pool as PoolSpecV1alpha1));
  object = withKeptFields(object, given.metadata.annotations?.[keptFieldsAnnotation]);
  return withAnnotations(object as AnyObject, {
    [keptFieldsAnnotation]: undefined,
    ...(criticality === undefined ? {} : { [criticalityAnnotations.model]: criticality }),
    ...(Object.keys(adapters).length === 0 ? {} : { [criticalityAnnotations.lora]: JSON.stringify(adapters) }),
  });
}
