// SPDX-License-Identifier: Apache-2.0
// What an object's managedFields say of us. Thousands of services of a few shapes have the same few sets of fields, and a
// set is larger than the fields that it names: equal ones are kept once.
import type { ManagedFieldsEntry } from "@serval/api";

const mostRemembered = 2_000;

export type FieldSets = (entry: ManagedFieldsEntry) => ManagedFieldsEntry;

/** Replaces `fieldsV1` by an equal object that others share; nobody writes into it. */
export function createFieldSets(): FieldSets {
  const known = new Map<string, ManagedFieldsEntry["fieldsV1"]>();
  return (entry) => {
    const text = JSON.stringify(entry.fieldsV1 ?? {});
    const shared = known.get(text) ?? entry.fieldsV1;
    known.delete(text);
    known.set(text, shared);
    if (known.size > mostRemembered) known.delete(known.keys().next().value as string);
    return { ...entry, fieldsV1: shared } as ManagedFieldsEntry;
  };
}
