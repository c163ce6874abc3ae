// SPDX-License-Identifier: Apache-2.0
// Which fields two versions of an object differ in. Both should have been checked by `shapeError`.
// Semantics: structured-merge-diff typed/compare.go.
import { isMap, jsonEqual } from "../../schema/json.ts";
import { emptySet, type FieldSet, insertPath } from "../field-set.ts";
import { unexpected } from "../patch-error.ts";
import { elementText, type PathElement } from "../path-element.ts";
import { type Atom, atomFor, type ListAtom, type MapAtom } from "./atom.ts";
import { itemElement } from "./list-item.ts";

export interface Comparison {
  readonly removed: FieldSet;
  readonly modified: FieldSet;
  readonly added: FieldSet;
}

/** @throws PatchError where a list item cannot be identified: ownership took its keys away. */
export function compareTyped(before: unknown, after: unknown, atom: Atom): Comparison {
  const comparison: Comparison = { removed: emptySet(), modified: emptySet(), added: emptySet() };
  new CompareWalk(comparison).visit(before, after, atom);
  return comparison;
}

class CompareWalk {
  readonly #out: Comparison;
  readonly #path: PathElement[] = [];

  constructor(out: Comparison) {
    this.#out = out;
  }

  visit(before: unknown, after: unknown, atom: Atom): void {
    if (before === after) return; // unchanged parts are shared: most of an object ends here
    const left = atomFor(atom, before);
    const right = atomFor(atom, after);
    let leaf: boolean;
    if (after === undefined) leaf = this.#descend(before, after, left);
    else if (before === undefined || left === right) leaf = this.#descend(before, after, right);
    else {
      // The kind of the value changed: both readings count.
      this.#descend(before, after, left);
      leaf = this.#descend(before, after, right);
    }
    if (leaf) return;
    if (before === undefined) insertPath(this.#out.added, this.#path);
    else if (after === undefined) insertPath(this.#out.removed, this.#path);
  }

  /** Returns whether the value was taken as one leaf. */
  #descend(before: unknown, after: unknown, atom: Atom): boolean {
    if (atom.map !== undefined) return this.#maps(before, after, atom.map);
    if (atom.scalar !== undefined) return this.#leaf(before, after);
    return this.#lists(before, after, atom.list!);
  }

  #leaf(before: unknown, after: unknown): true {
    if (before === undefined) insertPath(this.#out.added, this.#path);
    else if (after === undefined) insertPath(this.#out.removed, this.#path);
    else if (!jsonEqual(before, after)) insertPath(this.#out.modified, this.#path);
    return true;
  }

  #below(element: PathElement, before: unknown, after: unknown, atom: Atom): void {
    this.#path.push(element);
    this.visit(before, after, atom);
    this.#path.pop();
  }

  #maps(before: unknown, after: unknown, map: MapAtom): boolean {
    const left = isMap(before) ? before : {};
    const right = isMap(after) ? after : {};
    const bothEmpty = Object.keys(left).length === 0 && Object.keys(right).length === 0;
    if (map.atomic || bothEmpty) return this.#leaf(before, after);
    const compare = (key: string): void => {
      const atom = map.fields.get(key)?.atom ?? map.element;
      if (atom === undefined) return;
      const lhs = Object.hasOwn(left, key) ? left[key] : undefined;
      const rhs = Object.hasOwn(right, key) ? right[key] : undefined;
      this.#below(`f:${key}`, lhs, rhs, atom);
    };
    for (const key in left) compare(key);
    for (const key in right) if (!Object.hasOwn(left, key)) compare(key);
    return false;
  }

  #lists(before: unknown, after: unknown, list: ListAtom): boolean {
    const left = Array.isArray(before) ? before : [];
    const right = Array.isArray(after) ? after : [];
    if (list.relationship === "atomic" || (left.length === 0 && right.length === 0)) return this.#leaf(before, after);
    const leftItems = this.#group(left, list);
    const rightItems = this.#group(right, list);
    for (const element of new Set([...leftItems.keys(), ...rightItems.keys()])) {
      this.#items(element, leftItems.get(element) ?? [], { right: rightItems.get(element) ?? [], list });
    }
    return false;
  }

  #group(items: unknown[], list: ListAtom): Map<PathElement, unknown[]> {
    return Map.groupBy(items, (item, index) => {
      try {
        return itemElement(list, item);
      } catch (error) {
        const path = this.#path.map(elementText).join("");
        throw unexpected(`failed to compare objects: ${path}: element ${index}: ${(error as Error).message}`);
      }
    });
  }

  /** Items of one key. Several of them are owned as one: their path stands for all, without anything below it. */
  #items(element: PathElement, left: unknown[], { right, list }: { right: unknown[]; list: ListAtom }): void {
    const path = [...this.#path, element];
    if (left.length <= 1 && right.length <= 1) {
      this.#below(element, left[0], right[0], list.element);
    } else if (left.length >= 2 && right.length >= 2) {
      if (!jsonEqual(left, right)) insertPath(this.#out.modified, path);
    } else if (left.length >= 2) {
      if (right.length > 0) this.#below(element, undefined, right[0], list.element);
      insertPath(this.#out.removed, path);
    } else {
      if (left.length > 0) this.#below(element, left[0], undefined, list.element);
      insertPath(this.#out.added, path);
    }
  }
}
