// SPDX-License-Identifier: Apache-2.0
// POST: a new object. Source: k8s.io/apiserver/pkg/registry/rest/create.go
import { type AnyObject, type Namespace, resources, type Service } from "@serval/api";
import { withRevision } from "../../store/engine.ts";
import { keepsStatusOnCreate } from "../kinds/index.ts";
import { hasClusterAddress } from "../kinds/service.ts";
import { chargeQuota } from "../quota/admission.ts";
import { hasStatus, storeKey } from "../resources/resource.ts";
import { alreadyExists, badRequest, forbidden, invalid, notFound } from "../status.ts";
import { admitted, withDefaults } from "./admit.ts";
import { type Call, shownAs, storedAs } from "./context.ts";
import { bodyObject, checkedShape } from "./decode.ts";
import { track } from "./update.ts";

/** No vowels and no look-alikes. Source: k8s.io/apimachinery/pkg/util/rand */
const alphabet = "bcdfghjklmnpqrstvwxz2456789";
const maxGeneratedBase = 58;

function generatedName(base: string, uid: string): string {
  const bytes = uid.replaceAll("-", "").match(/../g) ?? [];
  const suffix = bytes.slice(0, 5).map((byte) => alphabet[Number.parseInt(byte, 16) % alphabet.length]);
  return `${base.slice(0, maxGeneratedBase)}${suffix.join("")}`;
}

/** @throws ApiError 404 for an unknown namespace, 403 for one that is going away. */
export function checkNamespace({ context, resource, namespace }: Call, name: string): void {
  if (!resource.type.namespaced) return;
  const entry = context.store.get(`core/namespaces/${namespace}`);
  if (entry === undefined) throw notFound(resources.namespaces, namespace ?? "");
  if ((entry.value as unknown as Namespace).metadata.deletionTimestamp === undefined) return;
  const why = `unable to create new content in namespace ${namespace} because it is being terminated`;
  throw forbidden(resource.type, name, why, [
    {
      reason: "NamespaceTerminating",
      message: `namespace ${namespace} is being terminated`,
      field: "metadata.namespace",
    },
  ]);
}

function setMetadata(call: Call, object: AnyObject): void {
  const { context, resource } = call;
  const { metadata } = object;
  if (metadata.resourceVersion) throw badRequest("resourceVersion should not be set on objects to be created");
  if (!metadata.name && metadata.generateName) metadata.name = generatedName(metadata.generateName, context.uid());
  if (!metadata.name) {
    throw invalid(resource.type, "", [
      {
        path: "metadata.name",
        reason: "FieldValueRequired",
        message: "Required value: name or generateName is required",
      },
    ]);
  }
  for (const field of [
    "resourceVersion",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "selfLink",
    "generation",
  ] as const)
    delete metadata[field];
  metadata.uid = context.uid();
  metadata.creationTimestamp = context
    .now()
    .toISOString()
    .replace(/\.\d+Z$/, "Z");
  if (resource.generation) metadata.generation = 1;
}

/** Gives a Service its address. Returns how to undo it. @throws ApiError 422 when the asked one is taken. */
function giveAddress({ context, resource, dryRun }: Call, object: AnyObject): () => void {
  const service = object as unknown as Service;
  if (resource.prefix !== "core/services/" || service.spec === undefined || !hasClusterAddress(service))
    return () => undefined;
  const asked = service.spec.clusterIP;
  if (asked === "None") {
    service.spec.clusterIPs = ["None"];
    return () => undefined;
  }
  if (asked && !context.addresses.reserve(asked)) {
    throw invalid(resource.type, service.metadata.name ?? "", [
      {
        path: "spec.clusterIPs",
        reason: "FieldValueInvalid",
        message: `Invalid value: ["${asked}"]: failed to allocate IP ${asked}: provided IP is already allocated`,
      },
    ]);
  }
  const address = asked || context.addresses.allocate(object);
  service.spec.clusterIP = address;
  service.spec.clusterIPs = [address];
  const undo = (): void => context.addresses.release(address);
  if (dryRun) undo();
  return undo;
}

/** Stores what admission and validation let through. @param tracked whether managedFields are already those to keep. */
export async function storeNew(call: Call, object: AnyObject, tracked: boolean): Promise<AnyObject> {
  const { context, resource } = call;
  const { rules } = resource;
  setMetadata(call, object);
  checkNamespace(call, object.metadata.name as string);
  if (hasStatus(resource) && !keepsStatusOnCreate(object)) delete object["status"];
  rules.prepareCreate?.(object);
  let next = withDefaults(call, object);
  if (!tracked) track(call, next, call.resource.zero);
  rules.admitCreate?.(next);
  const status = rules.initialStatus?.();
  if (status !== undefined) next["status"] = status;
  if (rules.admitCreate !== undefined || status !== undefined) next = withDefaults(call, next);
  next = await admitted(call, next);
  const key = storeKey(resource, call.namespace, next.metadata.name as string);
  if (context.store.get(key) !== undefined) throw alreadyExists(resource.type, next.metadata.name as string);
  const charged = chargeQuota(call, next);
  const undo = giveAddress(call, next);
  if (call.dryRun) return shownAs(resource, storedAs(resource, next));
  try {
    const entry = await context.store.put(key, 0, (revision) => withRevision(storedAs(resource, next), revision));
    if (entry === undefined) throw alreadyExists(resource.type, next.metadata.name as string);
    if (resource.prefix === "core/events/") await context.expireEvents();
    return shownAs(resource, entry.value);
  } catch (error) {
    undo();
    throw error;
  } finally {
    charged();
  }
}

export async function createObject(call: Call): Promise<AnyObject> {
  const object = checkedShape(call, bodyObject(call));
  delete object.metadata.managedFields;
  return storeNew(call, object, false);
}
