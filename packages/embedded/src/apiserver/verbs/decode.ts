// SPDX-License-Identifier: Apache-2.0
// A request body as an object of the resource: its identity checked against the path, unknown fields reported.
// Source: k8s.io/apiserver/pkg/endpoints/handlers/create.go, update.go; fieldValidation of KEP-2885
import { type AnyObject, apiVersionOf } from "@serval/api";
import type { FieldError } from "@serval/kube/patch/contract";
import { withoutNulls } from "@serval/kube/schema";
import { jsonClone } from "../json-clone.ts";
import type { Resource } from "../resources/resource.ts";
import { badRequest, invalid } from "../status.ts";
import type { Call } from "./context.ts";

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** `v1` in `Deployment in version "v1" cannot be handled as a Deployment`. */
const unreadable = ({ type }: Resource, why: string): Error =>
  badRequest(`${type.kind} in version ${JSON.stringify(type.version)} cannot be handled as a ${type.kind}: ${why}`);

function checkIdentity({ resource, namespace, name }: Call, object: AnyObject): void {
  const { type } = resource;
  const expected = apiVersionOf(type);
  if (object.apiVersion !== expected) {
    throw badRequest(
      `the API version in the data (${object.apiVersion}) does not match the expected API version (${expected})`,
    );
  }
  if (object.kind !== type.kind) {
    throw badRequest(`the kind in the data (${object.kind}) does not match the expected kind (${type.kind})`);
  }
  const { metadata } = object;
  if (type.namespaced) {
    metadata.namespace ||= namespace ?? "";
    if (metadata.namespace !== namespace) {
      throw badRequest("the namespace of the provided object does not match the namespace sent on the request");
    }
  } else delete metadata.namespace;
  if (name === undefined) return;
  metadata.name ||= name;
  if (metadata.name !== name) {
    throw badRequest(`the name of the object (${metadata.name}) does not match the name on the URL (${name})`);
  }
}

/** @throws ApiError 400 with Strict; fills the call's warnings with Warn. */
function reportFields(call: Call, unknown: readonly string[]): void {
  const findings = [
    ...unknown.map((path) => `unknown field ${JSON.stringify(path)}`),
    ...call.duplicateFields.map((path) => `duplicate field ${JSON.stringify(path)}`),
  ];
  if (findings.length === 0 || call.fieldValidation === "Ignore") return;
  if (call.fieldValidation === "Warn") {
    call.warnings.push(...findings);
    return;
  }
  const text = `strict decoding error: ${findings.join(", ")}`;
  const isPatch = call.request.method === "PATCH";
  throw call.resource.custom && isPatch ? badRequest(text) : unreadable(call.resource, text);
}

/** Findings about the shape itself: Kubernetes' typed kinds cannot even be decoded then. */
const isShape = ({ reason }: FieldError): boolean => reason === "FieldValueTypeInvalid";

/**
 * Shape and unknown fields of an object that a client wrote (or patched together).
 *
 * @throws ApiError 400 or, for a custom kind of a wrong shape, 422.
 */
export function checkedShape(call: Call, object: AnyObject): AnyObject {
  const { resource, context } = call;
  const given = resource.custom ? object : withoutNulls(object);
  const { object: pruned, unknown } = context.merge.prune(given, resource.schema);
  reportFields(call, unknown);
  const wrong = context.merge.validateSchema(pruned, resource.schema).filter(isShape);
  if (wrong.length === 0) return jsonClone(pruned);
  if (resource.custom) throw invalid(resource.type, object.metadata.name ?? "", wrong);
  throw unreadable(resource, wrong.map(({ path, message }) => `${path}: ${message}`).join(", "));
}

/** The body as an object with complete identity; not yet checked against the schema. @throws ApiError 400. */
export function bodyObject(call: Call): AnyObject {
  const { name } = call;
  const { body } = call.request;
  if (!isRecord(body)) throw badRequest("the body of the request is not a JSON object; send one Kubernetes object");
  let object: AnyObject;
  try {
    object = jsonClone(body) as AnyObject;
  } catch (error) {
    throw badRequest(`the object provided is unrecognized: ${(error as Error).message}`);
  }
  object.apiVersion ||= apiVersionOf(call.resource.type);
  object.kind ||= call.resource.type.kind;
  object.metadata ??= { name: name ?? "" };
  if (!isRecord(object.metadata as unknown)) throw badRequest("metadata of the object must be an object");
  checkIdentity(call, object);
  return object;
}
