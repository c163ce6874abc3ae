// SPDX-License-Identifier: Apache-2.0
// Server-side apply: merges what a manager wants into the object, keeps track of who owns which field, reports conflicts.
// @see https://kubernetes.io/docs/reference/using-api/server-side-apply/
// Semantics: k8s.io/apimachinery pkg/util/managedfields/internal (structuredmerge.go and the managers around it).
import type { AnyObject } from "@serval/api";
import type { ApplyInput, ApplyOutput, ServerSideApply } from "../contract.ts";
import { difference } from "../field-set.ts";
import { badRequest, refuseDeepNesting, unexpected } from "../patch-error.ts";
import { type Atom, atomOf } from "./atom.ts";
import { conflictCauses, conflictMessage, conflictsOutside } from "./conflict.ts";
import { lastAppliedFields, withLastApplied } from "./last-applied.ts";
import { decodeManagers, encodeManagers, type Managers, managerId, stripUntracked } from "./managers.ts";
import { managersAfterUpdate, nothingYet, timeText, withManagedFields, writeContext } from "./track-update.ts";
import { type Application, type Applied, applyConfiguration, type Typed, type WriteContext } from "./updater.ts";
import { shapeError } from "./validate.ts";

/** kubectl's manager name; only it takes over what client-side apply owned. */
const kubectl = "kubectl";

/** @throws PatchError for a configuration that is no object of this type, or that brings managedFields along. */
export const serverSideApply: ServerSideApply = (input) => {
  refuseDeepNesting("the applied configuration", input.applied);
  const atom = atomOf(input.type);
  const context = writeContext(input, input.applied.apiVersion);
  const live: Typed = {
    object: input.live === undefined ? nothingYet(input.applied) : withManagedFields(input.live, undefined),
    atom,
  };
  const owners = ownersBefore(input, live, context);
  if (Array.isArray(input.applied.metadata?.managedFields)) throw badRequest("metadata.managedFields must be nil");
  checkShape("patch", input.applied, { atom, allowDuplicates: false });
  checkShape("live", live.object, { atom, allowDuplicates: true });
  const name = input.manager === "" ? "unknown" : input.manager;
  const identity = {
    name,
    operation: "Apply",
    apiVersion: input.applied.apiVersion,
    subresource: input.subresource,
  } as const;
  const application: Application = {
    live,
    applied: { object: input.applied, atom },
    applier: { id: managerId(identity), name, subresource: input.subresource },
    force: input.force,
  };
  const applied = applyWithTakeover(application, input, { owners, context });
  if (applied.conflicts.size > 0) return refusal(input, applied, owners);
  return { object: finish(input, applied, { live: live.object, id: application.applier.id }), conflicts: [] };
};

const describe = (object: AnyObject): string => {
  const [group, version] = object.apiVersion.includes("/") ? object.apiVersion.split("/") : ["", object.apiVersion];
  return `${object.metadata?.namespace ?? ""}/${object.metadata?.name ?? ""}; ${group}/${version}, Kind=${object.kind}`;
};

function checkShape(
  role: "patch" | "live",
  object: AnyObject,
  options: { atom: Atom; allowDuplicates: boolean },
): void {
  const error = shapeError(object, options.atom, options);
  if (error !== undefined) throw unexpected(`failed to create typed ${role} object (${describe(object)}): ${error}`);
}

/** Fields of an object that nobody tracked until now belong to "before-first-apply". */
function ownersBefore(input: ApplyInput, live: Typed, context: WriteContext): Managers {
  let owners: Managers;
  try {
    owners = decodeManagers(input.live?.metadata?.managedFields);
  } catch (error) {
    throw unexpected(`failed to decode managed fields: ${(error as Error).message}`);
  }
  if (owners.size > 0) return owners;
  const error = shapeError(live.object, live.atom, { allowDuplicates: true });
  if (error !== undefined) {
    const object = `failed to convert new object (${describe(live.object)}) to smd typed: ${error}`;
    throw unexpected(`failed to create manager for existing fields: ${object}`);
  }
  const before: Typed = { object: nothingYet(input.applied), atom: live.atom };
  const update = { before, after: live, manager: "before-first-apply", subresource: input.subresource, now: input.now };
  return managersAfterUpdate(update, owners, context);
}

/** Applies; for kubectl, conflicts with its own client-side apply do not count. */
function applyWithTakeover(
  application: Application,
  input: ApplyInput,
  { owners, context }: { owners: Managers; context: WriteContext },
): Applied {
  const applied = applyConfiguration(application, owners, context);
  if (applied.conflicts.size === 0 || input.manager !== kubectl) return applied;
  const allowed = lastAppliedFields(application.live.object, application.live.atom);
  if (allowed === undefined) return applied;
  const conflicts = conflictsOutside(applied.conflicts, (set) => difference(set, allowed));
  if (conflicts.size > 0) return { ...applied, conflicts };
  return applyConfiguration({ ...application, force: true }, owners, context);
}

const refusal = (input: ApplyInput, { conflicts }: Applied, owners: Managers): ApplyOutput => ({
  object: input.live ?? input.applied,
  conflicts: conflictCauses(conflicts, owners),
  message: conflictMessage(conflicts, owners),
});

function finish(input: ApplyInput, applied: Applied, { live, id }: { live: AnyObject; id: string }): AnyObject {
  let managers = stripUntracked(applied.managers, id);
  let object = live;
  if (applied.object !== undefined) {
    object = input.complete === undefined ? applied.object : input.complete(applied.object);
    const own = managers.get(id);
    if (own !== undefined) managers = new Map(managers).set(id, { ...own, time: timeText(input.now) });
  }
  if (input.manager === kubectl) object = withLastApplied(object, input.applied);
  return withManagedFields(object, encodeManagers(managers));
}
