// SPDX-License-Identifier: Apache-2.0
// A set of field paths as a trie, its algebra, and its wire form `fieldsV1`. Sets are values: operations share subtrees
// and never change their operands; only `insertPath` does, on sets that are still being built.
// Semantics: sigs.k8s.io/structured-merge-diff fieldpath/set.go.
import { isMap, type JsonMap } from "../schema/json.ts";
import { compareElements, type PathElement, parsePathElement, sortElements } from "./path-element.ts";

export type FieldPath = readonly PathElement[];

/** `members` are in the set themselves; `children` have descendants in the set. A field may be both. */
export interface FieldSet {
  readonly members: Set<PathElement>;
  readonly children: Map<PathElement, FieldSet>;
}

export const emptySet = (): FieldSet => ({ members: new Set(), children: new Map() });

/** The child to build on, created when absent. */
export function descend(set: FieldSet, element: PathElement): FieldSet {
  let child = set.children.get(element);
  if (child === undefined) {
    child = emptySet();
    set.children.set(element, child);
  }
  return child;
}

/** The empty path means the whole object, which nobody owns: nothing is inserted. */
export function insertPath(set: FieldSet, path: FieldPath): void {
  let node = set;
  for (let i = 0; i < path.length - 1; i++) node = descend(node, path[i]!);
  if (path.length > 0) node.members.add(path.at(-1)!);
}

export function setOf(...paths: FieldPath[]): FieldSet {
  const set = emptySet();
  for (const path of paths) insertPath(set, path);
  return set;
}

export function isEmptySet(set: FieldSet): boolean {
  if (set.members.size > 0) return false;
  for (const child of set.children.values()) if (!isEmptySet(child)) return false;
  return true;
}

export function hasPath(set: FieldSet, path: FieldPath): boolean {
  let node: FieldSet | undefined = set;
  for (let i = 0; i < path.length - 1; i++) {
    node = node.children.get(path[i]!);
    if (node === undefined) return false;
  }
  return path.length > 0 && node.members.has(path.at(-1)!);
}

function membersWhere(set: FieldSet, test: (element: PathElement) => boolean): Set<PathElement> {
  const members = new Set<PathElement>();
  for (const element of set.members) if (test(element)) members.add(element);
  return members;
}

export function union(a: FieldSet, b: FieldSet): FieldSet {
  const children = new Map(a.children);
  for (const [element, child] of b.children) {
    const other = children.get(element);
    children.set(element, other === undefined ? child : union(other, child));
  }
  const members = new Set(a.members);
  for (const element of b.members) members.add(element);
  return { members, children };
}

export function intersection(a: FieldSet, b: FieldSet): FieldSet {
  const children = new Map<PathElement, FieldSet>();
  for (const [element, child] of a.children) {
    const other = b.children.get(element);
    const both = other === undefined ? undefined : intersection(child, other);
    if (both !== undefined && !isEmptySet(both)) children.set(element, both);
  }
  return { members: membersWhere(a, (element) => b.members.has(element)), children };
}

function subtract(a: FieldSet, b: FieldSet, recursive: boolean): FieldSet {
  const children = new Map<PathElement, FieldSet>();
  for (const [element, child] of a.children) {
    if (recursive && b.members.has(element)) continue;
    const other = b.children.get(element);
    if (other === undefined) {
      children.set(element, child);
      continue;
    }
    const rest = subtract(child, other, recursive);
    if (!isEmptySet(rest)) children.set(element, rest);
  }
  return { members: membersWhere(a, (element) => !b.members.has(element)), children };
}

/** What is in `a` and not in `b`; a parent in `b` does not take its children along. */
export const difference = (a: FieldSet, b: FieldSet): FieldSet => subtract(a, b, false);
/** As `difference`, but a field in `b` takes everything below it along. */
export const recursiveDifference = (a: FieldSet, b: FieldSet): FieldSet => subtract(a, b, true);

/** Every path of the set in Kubernetes' order: members first, then what is below them. */
export function* pathsOf(set: FieldSet, prefix: FieldPath = []): Generator<FieldPath> {
  for (const element of sortElements([...set.members])) yield [...prefix, element];
  const below = sortElements([...set.children.keys()]);
  for (const element of below) yield* pathsOf(set.children.get(element)!, [...prefix, element]);
}

/** Encodings of sets that have one already: most sets of an object stay as they are in a write. */
const encodings = new WeakMap<FieldSet, JsonMap>();

/** The wire form. Keys are in Kubernetes' order, so that equal sets have equal JSON texts. */
export function encodeFieldSet(set: FieldSet): JsonMap {
  const known = encodings.get(set);
  if (known !== undefined) return known;
  const fields = encodeNode(set, false);
  encodings.set(set, fields);
  return fields;
}

function encodeNode(set: FieldSet, isMember: boolean): JsonMap {
  const elements = [...set.members];
  for (const element of set.children.keys()) if (!set.members.has(element)) elements.push(element);
  const out: JsonMap = isMember && elements.length > 0 ? { ".": {} } : {};
  for (const element of sortElements(elements)) {
    const child = set.children.get(element);
    out[element] = child === undefined ? {} : encodeNode(child, set.members.has(element));
  }
  return out;
}

/** Unknown kinds of elements are dropped, as Kubernetes does. @throws SyntaxError on malformed elements. */
export function decodeFieldSet(fields: unknown): FieldSet {
  const reading = { isCanonical: true };
  const set = decodeNode(fields, reading).children ?? emptySet();
  if (reading.isCanonical && isMap(fields)) encodings.set(set, fields);
  return set;
}

/** `isCanonical`: keys are spelled and ordered as `encodeFieldSet` does. */
function decodeNode(fields: unknown, reading: { isCanonical: boolean }): { children?: FieldSet; member: boolean } {
  if (!isMap(fields)) {
    if (fields !== null && fields !== undefined) throw new SyntaxError("fieldsV1 must consist of objects");
    reading.isCanonical = false;
    return { member: true };
  }
  let member = false;
  let set: FieldSet | undefined;
  let previous: PathElement | undefined;
  for (const key in fields) {
    if (key === ".") {
      if (previous !== undefined) reading.isCanonical = false;
      member = true;
      continue;
    }
    const element = parsePathElement(key);
    if (element !== key || (previous !== undefined && compareElements(previous, key) >= 0)) reading.isCanonical = false;
    if (element === undefined) continue;
    previous = element;
    const below = decodeNode(fields[key], reading);
    set ??= emptySet();
    if (below.member) set.members.add(element);
    if (below.children !== undefined) set.children.set(element, below.children);
  }
  if (set === undefined) {
    if (member) reading.isCanonical = false;
    return { member: true };
  }
  return { children: set, member };
}
