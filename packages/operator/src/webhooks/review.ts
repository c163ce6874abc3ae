// SPDX-License-Identifier: Apache-2.0
// AdmissionReviews in and out, versions v1 and v1beta1 of admission.k8s.io, which differ in nothing that is used here.
// Pure. Source: k8s.io/api/admission/v1/types.go.
import { type AnyObject, ServalError } from "@serval/api";
import type { AdmissionPlugin, AdmissionRequest, AdmissionResult, UserInfo } from "@serval/kube";
import { jsonDifference } from "./json-difference.ts";

/** What was sent is no review: answered with 400. */
export class ReviewError extends Error {
  override readonly name = "ReviewError";
}

export interface Review {
  readonly apiVersion: string;
  readonly uid: string;
  /** undefined: an operation that no plugin of ours looks at (CONNECT). */
  readonly request: AdmissionRequest | undefined;
}

type JsonMap = Readonly<Record<string, unknown>>;

const apiVersions: readonly unknown[] = ["admission.k8s.io/v1", "admission.k8s.io/v1beta1"];
const operations: readonly unknown[] = ["CREATE", "UPDATE", "DELETE"];

export const isMap = (value: unknown): value is JsonMap =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const textOf = (value: unknown): string => (typeof value === "string" ? value : "");

function mapAt(from: JsonMap, name: string): JsonMap {
  const value = from[name];
  if (isMap(value)) return value;
  throw new ReviewError(`the review has no object "${name}"`);
}

function userOf(info: JsonMap): UserInfo {
  const { username, uid, groups, extra } = info;
  return {
    username: textOf(username),
    groups: Array.isArray(groups) ? groups.map(textOf) : [],
    ...(typeof uid === "string" && uid !== "" ? { uid } : {}),
    ...(isMap(extra) ? { extra: extra as NonNullable<UserInfo["extra"]> } : {}),
  };
}

function objectOf(request: JsonMap, name: "object" | "oldObject"): AnyObject | undefined {
  const value = request[name];
  if (value === undefined || value === null) return undefined;
  if (isMap(value) && isMap(value["metadata"])) return value as unknown as AnyObject;
  throw new ReviewError(`request.${name} is no Kubernetes object`);
}

function requestOf(request: JsonMap): AdmissionRequest {
  const kind = mapAt(request, "kind");
  const resource = mapAt(request, "resource");
  const namespace = textOf(request["namespace"]);
  const object = objectOf(request, "object");
  const oldObject = objectOf(request, "oldObject");
  const operation = request["operation"] as AdmissionRequest["operation"];
  if (operation !== "DELETE" && object === undefined) throw new ReviewError(`request.object is missing`);
  return {
    operation,
    resource: {
      group: textOf(resource["group"]),
      version: textOf(resource["version"]),
      kind: textOf(kind["kind"]),
      plural: textOf(resource["resource"]),
      namespaced: namespace !== "",
    },
    ...(namespace === "" ? {} : { namespace }),
    name: textOf(request["name"]),
    ...(object === undefined ? {} : { object }),
    ...(oldObject === undefined ? {} : { oldObject }),
    subresource: textOf(request["subResource"]),
    user: userOf(isMap(request["userInfo"]) ? request["userInfo"] : {}),
    dryRun: request["dryRun"] === true,
  };
}

/** @throws ReviewError naming what is missing. */
export function parseReview(body: unknown): Review {
  if (!isMap(body) || body["kind"] !== "AdmissionReview" || !apiVersions.includes(body["apiVersion"]))
    throw new ReviewError(`the body is no AdmissionReview of ${apiVersions.join(" or ")}`);
  const request = mapAt(body, "request");
  const uid = textOf(request["uid"]);
  if (uid === "") throw new ReviewError("request.uid is missing");
  const isOurs = operations.includes(request["operation"]);
  return { apiVersion: body["apiVersion"] as string, uid, request: isOurs ? requestOf(request) : undefined };
}

const denied = (code: number, reason: string, message: string): AdmissionResult => ({
  denied: { code, reason, message },
});

async function ask(plugin: AdmissionPlugin, request: AdmissionRequest): Promise<AdmissionResult> {
  try {
    return await plugin.admit(request);
  } catch (error) {
    const { message } = error as Error;
    if (error instanceof ServalError)
      return denied(error.transient ? 500 : 403, "Forbidden", `${message}\n  ${error.code}: ${error.fix}`);
    return denied(500, "InternalError", message);
  }
}

/** Every plugin of the phase that handles the request, in order, each with what the one before made; up to a refusal. */
export async function admit(
  plugins: readonly AdmissionPlugin[],
  phase: AdmissionPlugin["phase"],
  request: AdmissionRequest,
): Promise<AdmissionResult> {
  const warnings: string[] = [];
  let { object } = request;
  for (const plugin of plugins) {
    if (plugin.phase !== phase || !plugin.handles(request)) continue;
    const result = await ask(plugin, object === undefined ? request : { ...request, object });
    warnings.push(...(result.warnings ?? []));
    if (result.denied !== undefined) return { denied: result.denied, warnings };
    object = result.object ?? object;
  }
  return { warnings, ...(phase === "mutate" && object !== undefined ? { object } : {}) };
}

type Denial = NonNullable<AdmissionResult["denied"]>;

/** Of an invalid object kubectl prints the kind, the name and the causes, and not the message. */
function statusOf({ code, reason, message, causes }: Denial, request: AdmissionRequest | undefined): JsonMap {
  const { name, resource } = request ?? {};
  const about = reason === "Invalid" ? { name, group: resource?.group, kind: resource?.kind } : {};
  const details = causes === undefined ? {} : { details: { ...about, causes } };
  return { status: "Failure", code, reason, message, ...details };
}

function patchOf(object: AnyObject | undefined, given: AnyObject | undefined): JsonMap {
  // What is not JSON (undefined) must not count as a difference.
  const operations = object === undefined ? [] : jsonDifference(given, object);
  if (operations.length === 0) return {};
  return { patchType: "JSONPatch", patch: Buffer.from(JSON.stringify(operations)).toString("base64") };
}

/** The answer to a review, as an AdmissionReview of the same version. */
export function reviewAnswer({ apiVersion, uid, request }: Review, result: AdmissionResult): JsonMap {
  const { denied: refusal, warnings = [], object } = result;
  return {
    apiVersion,
    kind: "AdmissionReview",
    response: {
      uid,
      allowed: refusal === undefined,
      ...(refusal === undefined ? patchOf(object, request?.object) : { status: statusOf(refusal, request) }),
      ...(warnings.length === 0 ? {} : { warnings }),
    },
  };
}
