// SPDX-License-Identifier: Apache-2.0
// Settings that are accepted and do nothing, or hardly do what was meant: one row each, shown as yellow lines by kubectl.
import { modeOf, parseMode } from "@serval/api/serving/modes.ts";
import { annotations, knownAnnotations } from "@serval/api/serving/names.ts";
import type { ComponentSpec, Role } from "../implementations.ts";
import type { InferenceService } from "../schema.ts";
import { annotationOf, componentsOf } from "./rule.ts";
import { storageUriOf } from "./storage.ts";

interface Place {
  readonly isvc: InferenceService;
  readonly role: Role;
  readonly component: ComponentSpec;
  readonly isStandard: boolean;
  readonly autoscaler: string;
}

interface Row {
  /** Below the component. */
  readonly field: string;
  readonly text: string;
  readonly applies: (place: Place) => boolean;
}

const rows: readonly Row[] = [
  {
    field: "minReplicas",
    text: "0 counts as 1 with the autoscaler class hpa; none, external and keda can scale to zero",
    applies: ({ component, isStandard, autoscaler }) =>
      isStandard && component.minReplicas === 0 && ["hpa", "knative"].includes(autoscaler),
  },
  {
    field: "scaleMetricType",
    text: "is read by nothing; set autoScaling.metrics[].resource.target.type",
    applies: ({ component }) => component.scaleMetricType !== undefined,
  },
  {
    field: "batcher.timeout",
    text: "is read by nothing; maxLatency bounds how long a batch is waited for",
    applies: ({ component }) => component.batcher?.timeout !== undefined,
  },
  {
    field: "containerConcurrency",
    text: "is no limit in Standard mode: it becomes --workers of own transformers and explainers only",
    applies: ({ component, isStandard, role }) =>
      isStandard && role === "predictor" && (component.containerConcurrency ?? 0) > 0,
  },
  {
    field: "deploymentStrategy",
    text: "counts in Standard mode only",
    applies: ({ component, isStandard }) => !isStandard && component.deploymentStrategy !== undefined,
  },
  {
    field: "autoScaling",
    text: "counts with the autoscaler classes hpa and keda only",
    applies: ({ component, isStandard, autoscaler }) =>
      isStandard && component.autoScaling !== undefined && !["hpa", "keda"].includes(autoscaler),
  },
  {
    field: "scaleTarget",
    text: "counts together with scaleMetric; with keda set autoScaling.metrics",
    applies: ({ component, isStandard, autoscaler }) =>
      isStandard && autoscaler === "keda" && component.scaleTarget !== undefined,
  },
];

function componentWarnings(isvc: InferenceService): string[] {
  const isStandard = modeOf(isvc, "Standard") === "Standard";
  const autoscaler = annotationOf(isvc, "autoscalerClass") ?? "hpa";
  return componentsOf(isvc).flatMap(({ role, component }) =>
    rows
      .filter(({ applies }) => applies({ isvc, role, component, isStandard, autoscaler }))
      .map(({ field, text }) => `spec.${role}.${field} ${text}`),
  );
}

/** What the controller can load; the rest fails only once it is reconciled (KServe). */
const schemes =
  /^(gs|s3|pvc|file|https?|hdfs|webhdfs|oci|oci\+(modelcar|native|fetch)|hf|modelscope|abfss?|azure):\/\/|^https:\/\/(.+?)\.blob\.core\.windows\.net\//;

function storageWarning(isvc: InferenceService): string[] {
  const predictor = isvc.spec?.predictor;
  if (predictor === undefined) return [];
  const uri = storageUriOf("predictor", predictor) ?? "";
  if (!/^[\w+]+:\/\//.test(uri) || schemes.test(uri)) return [];
  return [
    `storageUri "${uri}": only a ClusterStorageContainer of yours can load it; built in are gs://, s3://, hf://, pvc://, oci://, https://, http://, file://, hdfs://, webhdfs:// and Azure blobs`,
  ];
}

/** Edits (one letter added, removed or changed) between two words; more than `limit` counts as `limit + 1`. */
function distance(a: string, b: string, limit: number): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1)
      next.push(
        Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)),
      );
    row = next;
  }
  return Math.min(row.at(-1) ?? 0, limit + 1);
}

const furthest = 4;

function nearest(key: string): string | undefined {
  const ranked = [...knownAnnotations]
    .map((known) => ({ known, edits: distance(key.toLowerCase(), known.toLowerCase(), furthest) }))
    .filter(({ edits }) => edits <= furthest)
    .toSorted((a, b) => a.edits - b.edits);
  return ranked[0]?.known;
}

const ownPrefix = "serving.kserve.io/";

function annotationWarnings({ metadata }: InferenceService): string[] {
  const given = Object.entries(metadata.annotations ?? {});
  return given.flatMap(([key, value]) => {
    if (key === annotations.deploymentMode)
      return parseMode(value) === undefined
        ? [`annotation ${key}: "${value}" is no mode, the default counts; use Standard, Knative or ModelMesh`]
        : [];
    if (key === "serving.kserve.io/metrics" || key === "serving.kserve.io/targetUtilizationPercentage")
      return [`annotation ${key} is read by nothing; set scaleMetric and scaleTarget`];
    if (!key.startsWith(ownPrefix) || knownAnnotations.has(key)) return [];
    const meant = nearest(key);
    return [`annotation ${key} is not known${meant === undefined ? "" : `: did you mean ${meant}?`}`];
  });
}

/** At every apply, in the order of the fields. */
export const settingWarnings = (isvc: InferenceService): string[] => [
  ...annotationWarnings(isvc),
  ...componentWarnings(isvc),
  ...storageWarning(isvc),
];
