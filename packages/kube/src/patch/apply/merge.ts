// SPDX-License-Identifier: Apache-2.0
// Merges an applied configuration into an object: the configuration wins per field, nothing is removed, list items keep
// the order that either side gives. Both must have been checked by `shapeError`. Results share unchanged parts.
// Semantics: structured-merge-diff typed/merge.go.
import { isMap, type JsonMap, setKey } from "../../schema/json.ts";
import type { PathElement } from "../path-element.ts";
import { type Atom, atomFor, type ListAtom, type MapAtom } from "./atom.ts";
import { itemElement } from "./list-item.ts";

/** undefined is "absent", null is a value. Undefined results mean that nothing is left of the field. */
export function mergeTyped(live: unknown, applied: unknown, atom: Atom): unknown {
  const narrowed = applied === undefined ? atomFor(atom, live) : atomFor(atom, applied);
  if (narrowed.map !== undefined) return mergeMaps(live, applied, narrowed.map);
  if (narrowed.scalar !== undefined) return applied === undefined ? live : applied;
  return mergeLists(live, applied, narrowed.list!);
}

const keepApplied = (live: unknown, applied: unknown): unknown => (applied !== undefined ? applied : live);

function mergeMaps(live: unknown, applied: unknown, map: MapAtom): unknown {
  const left = isMap(live) ? live : undefined;
  const right = isMap(applied) ? applied : undefined;
  const leftEmpty = left === undefined || Object.keys(left).length === 0;
  const rightEmpty = right === undefined || Object.keys(right).length === 0;
  if (map.atomic || (leftEmpty && rightEmpty)) return keepApplied(live, applied);
  const out: JsonMap = {};
  const merge = (key: string): void => {
    const type = map.fields.get(key)?.atom ?? map.element;
    const lhs = left !== undefined && Object.hasOwn(left, key) ? left[key] : undefined;
    const rhs = right !== undefined && Object.hasOwn(right, key) ? right[key] : undefined;
    const merged = type === undefined ? keepApplied(lhs, rhs) : mergeTyped(lhs, rhs, type);
    if (merged !== undefined) setKey(out, key, merged);
  };
  for (const key in left) merge(key);
  for (const key in right) if (left === undefined || !Object.hasOwn(left, key)) merge(key);
  return Object.keys(out).length > 0 ? out : undefined;
}

function mergeLists(live: unknown, applied: unknown, list: ListAtom): unknown {
  const left = Array.isArray(live) ? live : [];
  const right = Array.isArray(applied) ? applied : [];
  if (list.relationship === "atomic" || (left.length === 0 && right.length === 0)) return keepApplied(live, applied);
  const out = new ListMerge(list, left, right).run();
  return out.length > 0 ? out : undefined;
}

interface Side {
  readonly elements: readonly PathElement[];
  readonly items: ReadonlyMap<PathElement, unknown>;
}

/** Duplicated items cannot be merged: each is represented by null, as in structured-merge-diff. */
function indexItems(list: ListAtom, values: readonly unknown[]): Side {
  const items = new Map<PathElement, unknown>();
  const elements = values.map((value) => {
    const element = itemElement(list, value);
    items.set(element, items.has(element) ? null : value);
    return element;
  });
  return { elements, items };
}

/** Walks both lists at once. Items of both sides are placed where the applied list has them. */
class ListMerge {
  readonly #list: ListAtom;
  readonly #values: readonly unknown[];
  readonly #live: Side;
  readonly #applied: Side;
  /** Items that both sides have, in the applied order; the first is the next that may be placed. */
  readonly #shared: PathElement[];
  readonly #placed = new Set<PathElement>();
  readonly #out: unknown[] = [];

  constructor(list: ListAtom, live: readonly unknown[], applied: readonly unknown[]) {
    this.#list = list;
    this.#values = live;
    this.#live = indexItems(list, live);
    this.#applied = indexItems(list, applied);
    this.#shared = this.#applied.elements.filter((element) => this.#live.items.has(element));
  }

  run(): unknown[] {
    const left = this.#live.elements;
    const right = this.#applied.elements;
    for (let l = 0, r = 0; l < left.length || r < right.length; ) {
      const element = left[l];
      if (element !== undefined && r < right.length) {
        if (element === right[r]) {
          this.#place(element);
          this.#shared.shift();
          l++;
          r++;
          continue;
        }
        // A shared item whose turn has not come: it is placed when the applied list reaches it.
        if (this.#applied.items.has(element) && this.#shared.length > 0 && this.#shared[0] !== element) {
          l++;
          continue;
        }
      }
      if (element !== undefined && !this.#applied.items.has(element)) {
        this.#push(this.#values[l], undefined);
        l++;
        continue;
      }
      if (element !== undefined && this.#placed.has(element)) l++;
      if (r < right.length) {
        const next = right[r]!;
        this.#place(next);
        if (this.#shared[0] === next) this.#shared.shift();
        r++;
      }
    }
    return this.#out;
  }

  #place(element: PathElement): void {
    this.#placed.add(element);
    this.#push(this.#live.items.get(element), this.#applied.items.get(element));
  }

  #push(live: unknown, applied: unknown): void {
    const merged = mergeTyped(live, applied, this.#list.element);
    if (merged !== undefined) this.#out.push(merged);
  }
}
