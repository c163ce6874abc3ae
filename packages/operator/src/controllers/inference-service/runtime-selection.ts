// SPDX-License-Identifier: Apache-2.0
// Which runtime serves a model, and for every other runtime why not. Pure.
// Source: KServe GetSupportingRuntimes and predictor_model.go.
import type { ModelSpec, Reason, ServingRuntime } from "@serval/api";

export interface RuntimeQuery {
  readonly model: ModelSpec;
  readonly isMultiNode: boolean;
}

/** Runtimes that the service may use: its namespace's and the cluster's. */
export interface RuntimeCatalog {
  readonly namespaced: readonly ServingRuntime[];
  readonly cluster: readonly ServingRuntime[];
}

export interface Rejection {
  readonly kind: string;
  readonly name: string;
  readonly why: string;
}

export type RuntimeChoice =
  | { readonly runtime: ServingRuntime; readonly rejected: readonly Rejection[] }
  | {
      readonly reason: Reason;
      /** KServe's text for `modelStatus.lastFailureInfo.message`. */
      readonly message: string;
      /** KServe's text for the event, longer. */
      readonly detail: string;
      readonly rejected: readonly Rejection[];
    };

type Judge = (runtime: ServingRuntime, query: RuntimeQuery) => string | undefined;
type Format = NonNullable<ServingRuntime["spec"]["supportedModelFormats"]>[number];

/** KServe: an unset protocol asks for v1, so a runtime that only speaks v2 is never chosen by itself. */
const protocolOf = ({ model }: RuntimeQuery): string => model.protocolVersion ?? "v1";
const isAuto = ({ model }: RuntimeQuery): boolean => model.runtime === undefined;

const formatText = ({ name, version }: { name: string; version?: string | undefined }): string =>
  version === undefined ? name : `${name}:${version}`;

/** KServe: exact text comparison; "1" does not match "1.2", "Sklearn" not "sklearn". */
const matches = (offered: Format, wanted: { name: string; version?: string | undefined }): boolean =>
  offered.name === wanted.name && (wanted.version === undefined || offered.version === wanted.version);

const disabled: Judge = ({ spec }) => (spec.disabled === true ? "it is disabled" : undefined);

const multiModel: Judge = ({ spec }) =>
  spec.multiModel === true ? "it is a multi-model runtime (ModelMesh)" : undefined;

const format: Judge = ({ spec }, query) => {
  const wanted = query.model.modelFormat ?? { name: "" };
  const offered = spec.supportedModelFormats ?? [];
  const fitting = offered.filter((entry) => matches(entry, wanted));
  if (fitting.length === 0)
    return `it does not list the format ${formatText(wanted)} (it lists ${offered.map(formatText).join(", ") || "none"})`;
  if (isAuto(query) && !fitting.some(({ autoSelect }) => autoSelect === true))
    return `it lists ${formatText(wanted)} without autoSelect: name it in spec.predictor.model.runtime`;
  return undefined;
};

const speaksProtocol = ({ protocolVersions = [] }: ServingRuntime["spec"], protocol: string): boolean =>
  protocolVersions.length === 0 || protocolVersions.includes(protocol);

const protocol: Judge = ({ spec }, query) => {
  const wanted = protocolOf(query);
  if (speaksProtocol(spec, wanted)) return undefined;
  const hint = query.model.protocolVersion === undefined ? "; set spec.predictor.model.protocolVersion" : "";
  return `it does not speak ${wanted} (it speaks ${spec.protocolVersions?.join(", ")}${hint})`;
};

const nodes: Judge = ({ spec }, { isMultiNode }) => {
  if ((spec.workerSpec !== undefined) === isMultiNode) return undefined;
  return isMultiNode ? "it has no workerSpec" : "it is for several nodes (it has a workerSpec)";
};

/** The order decides which reason a rejected runtime shows. */
const judges: readonly Judge[] = [disabled, format, protocol, multiModel, nodes];

const protocolRanks: readonly string[] = ["v1", "v2", "grpc-v1", "grpc-v2"];
const rankOf = ({ spec }: ServingRuntime): number => {
  const ranks = (spec.protocolVersions ?? []).map((name) => protocolRanks.indexOf(name)).filter((rank) => rank >= 0);
  return ranks.length === 0 ? protocolRanks.length : Math.min(...ranks);
};
/** KServe: the priority of the first entry with that name, whatever its version. */
const priorityOf = ({ spec }: ServingRuntime, name: string): number =>
  spec.supportedModelFormats?.find((entry) => entry.name === name)?.priority ?? Number.NEGATIVE_INFINITY;

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Highest priority, then lowest protocol, then newest, then name. */
function preference(name: string): (a: ServingRuntime, b: ServingRuntime) => number {
  return (a, b) => {
    const [p, q] = [priorityOf(a, name), priorityOf(b, name)];
    if (p !== q) return p > q ? -1 : 1;
    return (
      rankOf(a) - rankOf(b) ||
      byText(b.metadata.creationTimestamp ?? "", a.metadata.creationTimestamp ?? "") ||
      byText(a.metadata.name ?? "", b.metadata.name ?? "")
    );
  };
}

const rejection = ({ kind, metadata }: ServingRuntime, why: string): Rejection => ({
  kind,
  name: metadata.name ?? "",
  why,
});

export function selectRuntime(query: RuntimeQuery, catalog: RuntimeCatalog): RuntimeChoice {
  return query.model.runtime === undefined ? choose(query, catalog) : named(query, catalog, query.model.runtime);
}

function choose(query: RuntimeQuery, { namespaced, cluster }: RuntimeCatalog): RuntimeChoice {
  const { modelFormat } = query.model;
  const compare = preference(modelFormat?.name ?? "");
  const rejected: Rejection[] = [];
  const fits = (runtime: ServingRuntime): boolean => {
    const why = judges.map((judge) => judge(runtime, query)).find((reason) => reason !== undefined);
    if (why !== undefined) rejected.push(rejection(runtime, why));
    return why === undefined;
  };
  // KServe: any fitting runtime of the namespace precedes every cluster runtime, whatever its priority.
  const fitting = [...namespaced.filter(fits).toSorted(compare), ...cluster.filter(fits).toSorted(compare)];
  const [best, ...others] = fitting;
  if (best !== undefined) {
    const lower = others.map((runtime) => rejection(runtime, `${best.metadata.name} is preferred`));
    return { runtime: best, rejected: [...rejected, ...lower] };
  }
  const version = modelFormat?.version ?? "<nil>";
  return {
    reason: "NoSupportingRuntime",
    message: "No runtime found to support specified framework/version",
    detail: `no runtime found to support predictor with model type: {${modelFormat?.name ?? ""} ${version}}`,
    rejected,
  };
}

function named(query: RuntimeQuery, { namespaced, cluster }: RuntimeCatalog, name: string): RuntimeChoice {
  const find = (list: readonly ServingRuntime[]) => list.find(({ metadata }) => metadata.name === name);
  const runtime = find(namespaced) ?? find(cluster);
  if (runtime === undefined) {
    // What there is instead: those that serve the format first.
    const known = [...namespaced, ...cluster].map((other) =>
      rejection(other, format(other, query) ?? "it serves this format and has another name"),
    );
    return {
      reason: "RuntimeNotRecognized",
      message: "Waiting for runtime to become available",
      detail: `No ServingRuntimes or ClusterServingRuntimes with the name: ${name}`,
      rejected: known,
    };
  }
  const refuse = (reason: Reason, text: string, why: string): RuntimeChoice => ({
    reason,
    message: `Specified runtime ${text}`,
    detail: `specified runtime ${name} ${text}`,
    rejected: [rejection(runtime, why)],
  });
  const off = disabled(runtime, query);
  if (off !== undefined) return refuse("RuntimeDisabled", "is disabled", off);
  if (query.model.protocolVersion !== undefined) {
    const why = protocol(runtime, query);
    if (why !== undefined) return refuse("NoSupportingRuntime", "does not support specified protocol version", why);
  }
  const why = format(runtime, query);
  if (why !== undefined) return refuse("NoSupportingRuntime", "does not support specified framework/version", why);
  return { runtime, rejected: [] };
}

/** One line per rejected runtime, the closest first: those that list the format. */
export function explainRejections(rejected: readonly Rejection[], limit = 8): string {
  const far = (why: string): number => (why.startsWith("it does not list") ? 1 : 0);
  const ordered = rejected.toSorted((a, b) => far(a.why) - far(b.why) || byText(a.name, b.name));
  const shown = ordered.slice(0, limit).map(({ name, why }) => `${name}: ${why}`);
  const rest = ordered.length - shown.length;
  return rest > 0 ? `${shown.join("; ")}; and ${rest} more` : shown.join("; ");
}
