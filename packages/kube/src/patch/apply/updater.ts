// SPDX-License-Identifier: Apache-2.0
// Ownership after a write: who loses fields, who conflicts, which fields a new configuration no longer claims.
// Semantics: structured-merge-diff merge/update.go.
import type { AnyObject } from "@serval/api";
import { jsonEqual } from "../../schema/json.ts";
import {
  difference,
  emptySet,
  type FieldSet,
  intersection,
  isEmptySet,
  recursiveDifference,
  union,
} from "../field-set.ts";
import type { Atom } from "./atom.ts";
import { type Comparison, compareTyped } from "./compare.ts";
import { type Manager, type Managers, withSet } from "./managers.ts";
import { mergeTyped } from "./merge.ts";
import { ownedBy, removeOwned, withNamedParents } from "./own.ts";
import { reconcileWithSchema } from "./reconcile.ts";

/** An object in one API version, with the compiled schema of that version. */
export interface Typed {
  readonly object: AnyObject;
  readonly atom: Atom;
}

/** What a write happens in. */
export interface WriteContext {
  readonly apiVersion: string;
  /** Fields that this endpoint ignores (`status` on the main resource); nobody comes to own them here. */
  readonly reset: FieldSet;
  /** The object in another API version; undefined: that version is not served any more. */
  readonly convert: (typed: Typed, apiVersion: string) => Typed | undefined;
}

/** Sets of conflicting fields per manager identifier. */
export type Conflicts = ReadonlyMap<string, FieldSet>;

const withoutReset = (comparison: Comparison, reset: FieldSet): Comparison =>
  isEmptySet(reset)
    ? comparison
    : {
        removed: recursiveDifference(comparison.removed, reset),
        modified: recursiveDifference(comparison.modified, reset),
        added: recursiveDifference(comparison.added, reset),
      };

/** Entries of versions that are gone are dropped; fields that became atomic are owned as a whole. */
function reconcile(live: Typed, managers: Managers, context: WriteContext): Managers {
  const result = new Map<string, Manager>();
  for (const [id, manager] of managers) {
    const typed = context.convert(live, manager.apiVersion);
    if (typed !== undefined) result.set(id, { ...manager, set: reconcileWithSchema(manager.set, typed.atom) });
  }
  return result;
}

interface Change {
  readonly before: Typed;
  readonly after: Typed;
  /** The entry of the writer, which cannot conflict with itself. */
  readonly writer: string;
}

interface Shift {
  readonly managers: Managers;
  readonly conflicts: Conflicts;
  readonly comparison: Comparison;
}

/** Takes changed and removed fields from everybody but the writer. */
function shiftOwnership({ before, after, writer }: Change, owners: Managers, context: WriteContext): Shift {
  const comparison = withoutReset(compareTyped(before.object, after.object, before.atom), context.reset);
  const byVersion = new Map([[context.apiVersion, comparison]]);
  const conflicts = new Map<string, FieldSet>();
  let managers = owners;
  for (const [id, manager] of owners) {
    if (id === writer) continue;
    let change = byVersion.get(manager.apiVersion);
    if (change === undefined) {
      const from = context.convert(before, manager.apiVersion);
      const to = context.convert(after, manager.apiVersion);
      if (from === undefined || to === undefined) {
        managers = withSet(managers, id, emptySet());
        continue;
      }
      change = withoutReset(compareTyped(from.object, to.object, from.atom), context.reset);
      byVersion.set(manager.apiVersion, change);
    }
    const taken = intersection(manager.set, union(change.modified, change.added));
    if (!isEmptySet(taken)) conflicts.set(id, taken);
    if (conflicts.has(id) || !isEmptySet(change.removed)) {
      managers = withSet(managers, id, difference(difference(manager.set, taken), change.removed));
    }
  }
  const empty = [...managers].filter(([, { set }]) => isEmptySet(set));
  for (const [id] of empty) managers = withSet(managers, id, emptySet());
  return { managers, conflicts, comparison };
}

/** After create, update or patch: the fields that the writer changed or added. Never conflicts. */
export function updateOwnership(
  change: Omit<Change, "writer">,
  owners: Managers,
  context: WriteContext,
): { managers: Managers; taken: FieldSet } {
  const reconciled = reconcile(change.before, owners, context);
  const { managers, comparison } = shiftOwnership({ ...change, writer: "" }, reconciled, context);
  const taken = recursiveDifference(union(comparison.modified, comparison.added), context.reset);
  return { managers, taken };
}

export interface Application {
  readonly live: Typed;
  readonly applied: Typed;
  readonly applier: { readonly id: string; readonly name: string; readonly subresource: string | undefined };
  readonly force: boolean;
}

export interface Applied {
  /** undefined: the object stays as it is. */
  readonly object: AnyObject | undefined;
  readonly managers: Managers;
  /** Not empty: nothing else of the result counts. */
  readonly conflicts: Conflicts;
}

export function applyConfiguration(application: Application, owners: Managers, context: WriteContext): Applied {
  const { live, applied, applier } = application;
  const reconciled = reconcile(live, owners, context);
  const merged = { object: mergeTyped(live.object, applied.object, live.atom) as AnyObject, atom: live.atom };
  const last = reconciled.get(applier.id);
  const set = recursiveDifference(ownedBy(applied.object, applied.atom), context.reset);
  const claimed = new Map(reconciled).set(applier.id, {
    name: applier.name,
    operation: "Apply",
    apiVersion: context.apiVersion,
    subresource: applier.subresource,
    set,
    time: last?.time,
  });
  const pruned =
    last === undefined || isEmptySet(last.set)
      ? merged
      : prune(merged, { last, claim: set, managers: claimed }, context);
  const shift = shiftOwnership({ before: live, after: pruned, writer: applier.id }, claimed, context);
  const conflicts: Conflicts = application.force ? new Map() : shift.conflicts;
  const unchanged = jsonEqual(live.object, pruned.object);
  return { object: unchanged ? undefined : pruned.object, managers: shift.managers, conflicts };
}

interface Claims {
  /** What the applier claimed last time, and in which version. */
  readonly last: { readonly set: FieldSet; readonly apiVersion: string };
  /** What the applier claims now. */
  readonly claim: FieldSet;
  /** Everybody's claims, the applier's new ones included. */
  readonly managers: Managers;
}

/** Removes what the applier claimed before, does not claim now, and nobody else claims. */
function prune(merged: Typed, { last, claim, managers }: Claims, context: WriteContext): Typed {
  const whole = context.convert(merged, last.apiVersion);
  if (whole === undefined) return merged;
  // The usual case: everything is claimed again, so everything would be put back.
  if (whole === merged && isEmptySet(difference(last.set, claim))) return merged;
  const lastSet = withNamedParents(last.set, whole.atom);
  let pruned: Typed = { atom: whole.atom, object: removeOwned(whole.object, whole.atom, lastSet) as AnyObject };
  pruned = addBackOwned({ whole, pruned }, { last, claim, managers }, context);
  // What goes must have been the applier's: fields without an owner stay.
  const kept = withNamedParents(ownedBy(pruned.object, pruned.atom), whole.atom);
  const all = withNamedParents(ownedBy(whole.object, whole.atom), whole.atom);
  const gone = intersection(difference(all, kept), lastSet);
  const result = { atom: whole.atom, object: removeOwned(whole.object, whole.atom, gone) as AnyObject };
  return context.convert(result, context.apiVersion) ?? result;
}

/** Puts back what somebody still claims, version by version; the version that was pruned first. */
function addBackOwned(
  state: { whole: Typed; pruned: Typed },
  { last, managers }: Claims,
  context: WriteContext,
): Typed {
  const claims = new Map<string, FieldSet>();
  for (const { apiVersion, set } of managers.values()) {
    claims.set(apiVersion, union(claims.get(apiVersion) ?? emptySet(), set));
  }
  const first = [...claims.keys()].filter((version) => version === last.apiVersion);
  let { whole, pruned } = state;
  for (const version of new Set([...first, ...claims.keys()])) {
    const claimed = claims.get(version)!;
    const wholeThere = context.convert(whole, version);
    const prunedThere = context.convert(pruned, version);
    if (wholeThere === undefined || prunedThere === undefined) continue;
    const { atom } = wholeThere;
    const all = withNamedParents(ownedBy(wholeThere.object, atom), atom);
    const kept = withNamedParents(ownedBy(prunedThere.object, atom), atom);
    const gone = difference(all, union(kept, withNamedParents(claimed, atom)));
    whole = wholeThere;
    pruned = { atom, object: removeOwned(wholeThere.object, atom, gone) as AnyObject };
  }
  return context.convert(pruned, last.apiVersion) ?? pruned;
}
