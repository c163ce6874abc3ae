// SPDX-License-Identifier: Apache-2.0
// Admission and validation of an object about to be written: mutating plugins, schema, the kind's rules, validating
// plugins. Source: k8s.io/apiserver/pkg/admission, k8s.io/apiserver/pkg/registry/generic/registry/store.go

import type { AnyObject, StatusCause } from "@serval/api";
import type { AdmissionPlugin, AdmissionRequest } from "@serval/kube";
import type { FieldError } from "@serval/kube/patch/contract";
import { withoutNulls } from "@serval/kube/schema";
import { jsonClone } from "../json-clone.ts";
import { forbiddenField, metadataErrors } from "../kinds/finding.ts";
import type { Resource } from "../resources/resource.ts";
import { forbidden, invalid, refusal, tooLarge } from "../status.ts";
import { type Call, storedAs } from "./context.ts";

/** etcd's own limit for one object. */
const objectBytes = 1.5 * 1024 * 1024;

type Admitted = {
  readonly object?: AnyObject;
  readonly old?: AnyObject | undefined;
  readonly operation: AdmissionRequest["operation"];
};

const denial = (
  plugin: AdmissionPlugin,
  denied: { code: number; reason: string; message: string; causes?: readonly StatusCause[] },
): Error =>
  refusal({
    code: denied.code,
    reason: denied.reason,
    message: `admission webhook ${JSON.stringify(plugin.name)} denied the request: ${denied.message}`,
    ...(denied.causes === undefined ? {} : { details: { causes: [...denied.causes] } }),
  });

async function runPlugins(
  call: Call,
  phase: AdmissionPlugin["phase"],
  { object, old, operation }: Admitted,
): Promise<AnyObject | undefined> {
  const { context, resource, subresource } = call;
  const about = { resource: resource.type, operation, ...(subresource === undefined ? {} : { subresource }) };
  let current = object;
  for (const plugin of context.admission) {
    if (plugin.phase !== phase || !plugin.handles(about)) continue;
    const result = await plugin.admit({
      ...about,
      namespace: call.namespace,
      name: (current ?? old)?.metadata.name ?? "",
      ...(current === undefined ? {} : { object: current }),
      ...(old === undefined ? {} : { oldObject: old }),
      user: call.user,
      dryRun: call.dryRun,
    });
    call.warnings.push(...(result.warnings ?? []));
    if (result.denied !== undefined) throw denial(plugin, result.denied);
    if (phase === "mutate" && result.object !== undefined) current = jsonClone(result.object);
  }
  return current;
}

export const admitDelete = async (call: Call, old: AnyObject): Promise<void> => {
  await runPlugins(call, "validate", { old, operation: "DELETE" });
};

/** Schema defaults of custom kinds, built-in defaults of Kubernetes' own. Changes and returns its private argument. */
export function withDefaults(call: Call, object: AnyObject): AnyObject {
  const { resource, context } = call;
  const complete = resource.custom ? jsonClone(context.merge.applyDefaults(object, resource.schema)) : object;
  resource.rules.defaults?.(complete);
  return complete;
}

function addedFinalizers(next: AnyObject, old: AnyObject | undefined): FieldError[] {
  if (old?.metadata.deletionTimestamp === undefined) return [];
  const before = new Set(old.metadata.finalizers ?? []);
  const added = (next.metadata.finalizers ?? []).filter((finalizer) => !before.has(finalizer));
  if (added.length === 0) return [];
  const list = added.map((finalizer) => JSON.stringify(finalizer)).join(", ");
  return [
    forbiddenField(
      "metadata.finalizers",
      `no new finalizers can be added if the object is being deleted, found new finalizers []string{${list}}`,
    ),
  ];
}

function rulesOf(resource: Resource, next: AnyObject, old: AnyObject | undefined): FieldError[] {
  return [
    ...metadataErrors(next, resource.rules.validateName),
    ...addedFinalizers(next, old),
    ...(resource.rules.validate?.(next, old) ?? []),
  ];
}

/** Kubernetes' typed kinds do not know duplicates as a matter of schema: their own rules word them. */
function schemaErrors({ resource, context }: Call, next: AnyObject): FieldError[] {
  if (resource.custom) return context.merge.validateSchema(next, resource.schema);
  const errors = context.merge.validateSchema(withoutNulls(next), resource.schema);
  return errors.filter(({ reason }) => reason !== "FieldValueDuplicate");
}

/** Errors after which Kubernetes evaluates no CEL rules. Source: apiextensions-apiserver, customresource/validator.go */
const blocking: ReadonlySet<string> = new Set([
  "FieldValueRequired",
  "FieldValueNotSupported",
  "FieldValueTooLong",
  "FieldValueTooMany",
  "FieldValueTypeInvalid",
]);

const unchecked: FieldError = {
  path: "<nil>",
  reason: "FieldValueInvalid",
  message:
    "Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation",
};

function schemaFindings(call: Call, next: AnyObject, old: AnyObject | undefined): FieldError[] {
  const errors = schemaErrors(call, next);
  const { schemaRules } = call.resource.rules;
  if (schemaRules === undefined) return errors;
  if (errors.some(({ reason }) => blocking.has(reason))) return [...errors, unchecked];
  return [...errors, ...schemaRules(next, old)];
}

function checkObject(call: Call, next: AnyObject, old: AnyObject | undefined): void {
  const { resource } = call;
  const errors = schemaFindings(call, next, old);
  // The kind's rules may rely on the shape that the schema promises.
  const all = errors.length > 0 ? errors : rulesOf(resource, next, old);
  if (all.length > 0) throw invalid(resource.type, next.metadata.name ?? "", all);
  const bytes = Buffer.byteLength(JSON.stringify(storedAs(resource, next)));
  if (bytes > objectBytes)
    throw tooLarge(
      `the object has ${bytes} bytes, the limit for one object is ${objectBytes}; keep large data outside of the API`,
    );
}

/** The object as it may be stored. @throws ApiError 422, 413, or what a plugin says. */
export async function admitted(call: Call, next: AnyObject, old?: AnyObject): Promise<AnyObject> {
  const operation = old === undefined ? "CREATE" : "UPDATE";
  if (call.resource.type.namespaced && next.metadata.namespace !== call.namespace)
    throw forbidden(call.resource.type, next.metadata.name ?? "", "it is in another namespace");
  const mutated = (await runPlugins(call, "mutate", { object: next, old, operation })) ?? next;
  const complete = mutated === next ? next : withDefaults(call, mutated);
  checkObject(call, complete, old);
  await runPlugins(call, "validate", { object: complete, old, operation });
  return complete;
}
