// SPDX-License-Identifier: Apache-2.0
// The field set that an object mentions, and what a set says about the object's items: which to remove, which parents
// count as named. Semantics: structured-merge-diff typed/tofieldset.go, typed/remove.go, fieldpath/set.go.
import { isMap, type JsonMap, setKey } from "../../schema/json.ts";
import { descend, emptySet, type FieldSet, isEmptySet } from "../field-set.ts";
import { fieldElement, fieldNameOf, isKeyElement, type PathElement } from "../path-element.ts";
import { type Atom, atomFor, type ListAtom, type MapAtom } from "./atom.ts";
import { looseElement } from "./list-item.ts";

/** Every leaf and every list item of the object. */
export function ownedBy(object: unknown, atom: Atom): FieldSet {
  const set = emptySet();
  collect(object, atom, { parent: set, element: undefined });
  return set;
}

interface Place {
  readonly parent: FieldSet;
  /** undefined: the root, which nobody owns. */
  readonly element: PathElement | undefined;
}

function own({ parent, element }: Place): void {
  if (element !== undefined) parent.members.add(element);
}

function collect(value: unknown, atom: Atom, place: Place): void {
  const narrowed = atomFor(atom, value);
  if (narrowed.map !== undefined) {
    if (narrowed.map.atomic) own(place);
    else if (isMap(value)) collectFields(value, narrowed.map, place);
  } else if (narrowed.scalar !== undefined) own(place);
  else if (narrowed.list!.relationship === "atomic") own(place);
  else if (Array.isArray(value)) collectItems(value, narrowed.list!, place);
}

/** The node below a place; made only when something is put there. */
function nodeOf({ parent, element }: Place): FieldSet {
  return element === undefined ? parent : descend(parent, element);
}

function collectFields(map: JsonMap, type: MapAtom, place: Place): void {
  const keys = Object.keys(map);
  if (keys.length === 0) return;
  const node = nodeOf(place);
  for (const key of keys) {
    const field = type.fields.get(key)?.atom;
    const atom = field ?? type.element;
    if (atom === undefined) continue;
    const value = map[key];
    const element = fieldElement(key);
    collect(value, atom, { parent: node, element });
    const bare = value === null || (isMap(value) && Object.keys(value).length === 0);
    if (bare || field === undefined) node.members.add(element);
  }
  dropBare(place);
}

function collectItems(items: unknown[], list: ListAtom, place: Place): void {
  if (items.length === 0) return;
  const node = nodeOf(place);
  const groups = Map.groupBy(items, (item) => looseElement(list, item));
  for (const [element, group] of groups) {
    if (group.length === 1) collect(group[0], list.element, { parent: node, element });
    node.members.add(element);
  }
}

function dropBare({ parent, element }: Place): void {
  if (element === undefined) return;
  const node = parent.children.get(element);
  if (node !== undefined && isEmptySet(node)) parent.children.delete(element);
}

/** The object without the fields and items of the set. Containers that lose everything become null. */
export function removeOwned(value: unknown, atom: Atom, set: FieldSet): unknown {
  const narrowed = atomFor(atom, value);
  if (narrowed.map !== undefined) return removeFields(value, narrowed.map, set);
  if (narrowed.scalar !== undefined) return value;
  return removeItems(value, narrowed.list!, set);
}

function removeFields(value: unknown, map: MapAtom, set: FieldSet): unknown {
  if (!isMap(value) || map.atomic) return null;
  const out: JsonMap = {};
  for (const key in value) {
    const element = fieldElement(key);
    if (set.members.has(element)) continue;
    const below = set.children.get(element);
    const atom = map.fields.get(key)?.atom ?? map.element;
    const keep = below === undefined || atom === undefined || isEmptySet(below);
    setKey(out, key, keep ? value[key] : removeOwned(value[key], atom, below));
  }
  return Object.keys(out).length > 0 ? out : null;
}

function removeItems(value: unknown, list: ListAtom, set: FieldSet): unknown {
  if (!Array.isArray(value) || list.relationship === "atomic") return null;
  const out: unknown[] = [];
  for (const item of value) {
    const element = looseElement(list, item);
    if (set.members.has(element)) continue;
    const below = set.children.get(element);
    out.push(below === undefined || isEmptySet(below) ? item : removeOwned(item, list.element, below));
  }
  return out.length > 0 ? out : null;
}

/** The set with each declared field that has members below it: `spec.replicas` also names `spec`. */
export function withNamedParents(set: FieldSet, atom: Atom | undefined): FieldSet {
  const members = new Set(set.members);
  const children = new Map<PathElement, FieldSet>();
  for (const [element, child] of set.children) {
    const name = fieldNameOf(element);
    const field = name === undefined ? undefined : atom?.map?.fields.get(name);
    if (field !== undefined) members.add(element);
    let below: Atom | undefined;
    if (name !== undefined) below = field?.atom ?? atom?.map?.element;
    else if (isKeyElement(element)) below = atom?.list?.element;
    children.set(element, withNamedParents(child, below));
  }
  return { members, children };
}
