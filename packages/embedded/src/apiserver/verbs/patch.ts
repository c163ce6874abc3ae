// SPDX-License-Identifier: Apache-2.0
// PATCH in its four media types. Source: k8s.io/apiserver/pkg/endpoints/handlers/patch.go
import { type AnyObject, apiVersionOf } from "@serval/api";
import { ApiError } from "@serval/kube";
import type { JsonObject } from "@serval/kube/patch/contract";
import { jsonClone } from "../json-clone.ts";
import { isSwitchedOn } from "../query-switch.ts";
import { hasStatus, storeKey } from "../resources/resource.ts";
import { applyConflict, badRequest, refusal, unsupportedMediaType } from "../status.ts";
import { withDefaults } from "./admit.ts";
import { type NamedCall, shownAs, versionsOf } from "./context.ts";
import { storeNew } from "./create.ts";
import { bodyObject, checkedShape } from "./decode.ts";
import { checkPreconditions, replace, untilWritten } from "./update.ts";

const json = "application/json-patch+json";
const merge = "application/merge-patch+json";
const strategic = "application/strategic-merge-patch+json";
const apply = "application/apply-patch+yaml";
/** Later Kubernetes adds these spellings of apply. */
const applyTypes = new Set([apply, "application/apply-patch+json"]);

const acceptedBy = (custom: boolean): string[] => (custom ? [json, merge, apply] : [json, merge, strategic, apply]);

/** Patch errors know their Status; anything else that patching throws is about the client's patch. */
function patchFailure(error: unknown): unknown {
  if (error instanceof ApiError) return error;
  const { code, reason, message } = error as { code?: unknown; reason?: unknown; message?: string };
  if (typeof code === "number" && typeof reason === "string")
    return refusal({ code, reason, message: message ?? reason });
  return error;
}

function patched(call: NamedCall, mediaType: string, current: AnyObject): unknown {
  const { merge: functions } = call.context;
  const { body } = call.request;
  if (mediaType === json) {
    if (!Array.isArray(body)) throw badRequest("error decoding patch: a JSON patch is a list of operations (RFC 6902)");
    return functions.jsonPatch(current, body);
  }
  if (typeof body !== "object" || body === null || Array.isArray(body))
    throw badRequest("error decoding patch: the patch must be a JSON object");
  if (mediaType === merge) return functions.mergePatch(current, body);
  return functions.strategicMergePatch(current, body as JsonObject, call.resource.schema);
}

function patchedObject(call: NamedCall, mediaType: string, current: AnyObject): AnyObject {
  let result: unknown;
  try {
    result = patched(call, mediaType, current);
  } catch (error) {
    throw patchFailure(error);
  }
  const changed = bodyObject({ ...call, request: { ...call.request, body: result } });
  return checkedShape(call, changed);
}

async function patchStored(call: NamedCall, mediaType: string): Promise<AnyObject> {
  return untilWritten(call, async (entry) => {
    const current = shownAs(call.resource, entry.value);
    const next = patchedObject(call, mediaType, current);
    checkPreconditions(call, current, next.metadata);
    return replace(call, entry, { next, tracked: false });
  });
}

/** The part of an applied configuration that this endpoint owns. */
function appliedPart({ resource, subresource }: NamedCall, object: AnyObject): AnyObject {
  if (subresource === "status") {
    const { apiVersion, kind, metadata, status } = object;
    const { name, namespace } = metadata;
    const identity = namespace === undefined ? { name } : { name, namespace };
    return { apiVersion, kind, metadata: identity, ...(status === undefined ? {} : { status }) };
  }
  if (hasStatus(resource)) delete object["status"];
  return object;
}

function appliedBody(call: NamedCall): AnyObject {
  const body = call.request.body as Partial<AnyObject> | undefined;
  if (call.query["fieldManager"] === undefined || call.query["fieldManager"] === "") {
    throw refusal({
      code: 422,
      reason: "Invalid",
      message: 'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
    });
  }
  if (body?.apiVersion === undefined || body.kind === undefined) {
    throw badRequest(
      `an applied configuration needs apiVersion and kind (here ${apiVersionOf(call.resource.type)}, ${call.resource.type.kind})`,
    );
  }
  const object = checkedShape(call, bodyObject(call));
  if ((object.metadata.managedFields ?? []).length > 0) throw badRequest("metadata.managedFields must be nil");
  delete object.metadata.managedFields;
  return object;
}

interface Applied {
  readonly object: AnyObject;
  readonly created: boolean;
}

function merged(call: NamedCall, applied: AnyObject, live: AnyObject | undefined): AnyObject {
  const { context, resource, manager, subresource, query } = call;
  let output: ReturnType<typeof context.merge.serverSideApply>;
  try {
    output = context.merge.serverSideApply({
      live,
      applied: appliedPart(call, applied),
      type: resource.schema,
      manager,
      force: isSwitchedOn(query["force"]),
      subresource,
      now: context.now(),
      complete: (object) => withDefaults(call, jsonClone(object)),
      convert: versionsOf(call),
    });
  } catch (error) {
    throw patchFailure(error);
  }
  if (output.conflicts.length > 0) throw applyConflict(output.conflicts);
  return jsonClone(output.object);
}

async function applyObject(call: NamedCall): Promise<Applied> {
  const body = appliedBody(call);
  const { context, resource, namespace, name, subresource } = call;
  const key = storeKey(resource, namespace, name);
  if (context.store.get(key) === undefined && subresource === undefined) {
    const { uid, resourceVersion } = body.metadata;
    if (uid || resourceVersion) checkPreconditions(call, { ...body, metadata: { name } }, { uid, resourceVersion });
    const next = merged(call, jsonClone(body), undefined);
    return { object: await storeNew(call, next, true), created: true };
  }
  const object = await untilWritten(call, async (entry) => {
    const current = shownAs(resource, entry.value);
    checkPreconditions(call, current, body.metadata);
    return replace(call, entry, { next: merged(call, jsonClone(body), current), tracked: true });
  });
  return { object, created: false };
}

/** @throws ApiError 415 for other media types, among them strategic merge on custom kinds. */
export async function patchObject(call: NamedCall): Promise<Applied> {
  const mediaType = (call.request.contentType ?? "").split(";")[0]?.trim() ?? "";
  if (applyTypes.has(mediaType)) return applyObject(call);
  const accepted = acceptedBy(call.resource.custom);
  if (!accepted.includes(mediaType)) throw unsupportedMediaType(accepted);
  return { object: await patchStored(call, mediaType), created: false };
}
