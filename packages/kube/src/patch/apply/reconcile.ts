// SPDX-License-Identifier: Apache-2.0
// Field sets written under an older schema: a map or list that has become atomic is owned as a whole from now on.
// Semantics: structured-merge-diff typed/reconcile_schema.go.
import { emptySet, type FieldPath, type FieldSet, insertPath, recursiveDifference, union } from "../field-set.ts";
import { fieldNameOf, type PathElement } from "../path-element.ts";
import type { Atom } from "./atom.ts";

/** The same set object when nothing had to change. */
export function reconcileWithSchema(set: FieldSet, atom: Atom): FieldSet {
  const becameAtomic = emptySet();
  const walk = { becameAtomic, path: [] as PathElement[], found: false };
  visit({ set, atomic: false }, atom, walk);
  return walk.found ? union(recursiveDifference(set, becameAtomic), becameAtomic) : set;
}

interface Walk {
  readonly becameAtomic: FieldSet;
  readonly path: PathElement[];
  found: boolean;
}

/** `atomic`: the set owns the node itself and nothing below it. */
interface Node {
  readonly set: FieldSet | undefined;
  readonly atomic: boolean;
}

function visit({ set, atomic }: Node, atom: Atom, walk: Walk): void {
  if (atom.map !== undefined) {
    if (atom.map.freeForm) return;
    if (!atomic && atom.map.atomic) {
      if (set !== undefined && (set.members.size > 0 || set.children.size > 0)) mark(walk, walk.path);
      return;
    }
    const { fields, element } = atom.map;
    forEachElement(set, walk, (step) => {
      const name = fieldNameOf(step);
      return (name === undefined ? undefined : fields.get(name)?.atom) ?? element;
    });
  } else if (atom.scalar === undefined && atom.list !== undefined) {
    const { list } = atom;
    if (!atomic && list.relationship === "atomic") mark(walk, walk.path);
    else forEachElement(set, walk, () => list.element);
  }
}

function mark(walk: Walk, path: FieldPath): void {
  insertPath(walk.becameAtomic, [...path]);
  walk.found = true;
}

function forEachElement(set: FieldSet | undefined, walk: Walk, typeOf: (step: PathElement) => Atom | undefined): void {
  if (set === undefined) return;
  for (const step of new Set([...set.children.keys(), ...set.members])) {
    const atom = typeOf(step);
    if (atom === undefined) continue;
    const below = set.children.get(step);
    walk.path.push(step);
    visit({ set: below, atomic: set.members.has(step) && below === undefined }, atom, walk);
    walk.path.pop();
  }
}
