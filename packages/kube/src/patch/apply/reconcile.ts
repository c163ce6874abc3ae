// SPDX-License-Identifier: Apache-2.0
// Field sets written under an older schema: a map or list that has become atomic is owned as a whole from now on.
// Semantics: structured-merge-diff typed/reconcile_schema.go.
import { emptySet, type FieldSet, insertPath, recursiveDifference, union } from "../field-set.ts";
import { fieldNameOf, type PathElement } from "../path-element.ts";
import type { Atom } from "./atom.ts";

/** The same set object when nothing had to change. */
export function reconcileWithSchema(set: FieldSet, atom: Atom): FieldSet {
  const walk: Walk = { becameAtomic: emptySet(), path: [], found: false };
  visit(set, atom, walk);
  return walk.found ? union(recursiveDifference(set, walk.becameAtomic), walk.becameAtomic) : set;
}

interface Walk {
  readonly becameAtomic: FieldSet;
  readonly path: PathElement[];
  found: boolean;
}

/** Only nodes with something below them matter: what is owned as a whole already stays so. */
function visit(set: FieldSet, atom: Atom, walk: Walk): void {
  if (atom.map !== undefined) {
    const { freeForm, atomic, fields, element } = atom.map;
    if (freeForm) return;
    if (atomic) mark(walk);
    else
      visitChildren(set, walk, (step) => {
        const name = fieldNameOf(step);
        return (name === undefined ? undefined : fields.get(name)?.atom) ?? element;
      });
  } else if (atom.scalar === undefined && atom.list !== undefined) {
    const { list } = atom;
    if (list.relationship === "atomic") mark(walk);
    else visitChildren(set, walk, () => list.element);
  }
}

function mark(walk: Walk): void {
  insertPath(walk.becameAtomic, [...walk.path]);
  walk.found = true;
}

function visitChildren(set: FieldSet, walk: Walk, typeOf: (step: PathElement) => Atom | undefined): void {
  for (const [step, below] of set.children) {
    const atom = typeOf(step);
    if (atom === undefined) continue;
    walk.path.push(step);
    visit(below, atom, walk);
    walk.path.pop();
  }
}
