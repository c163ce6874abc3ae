// SPDX-License-Identifier: Apache-2.0
// Lists in a strategic merge patch: items found by their merge key, scalars by value; the order of the result.
// Semantics: k8s.io/apimachinery pkg/util/strategicpatch (mergeSlice, normalizeElementOrder).
import { isMap, type JsonMap } from "../schema/json.ts";
import { goType, goValue } from "./go-format.ts";
import { badRequest, unexpected, unprocessable } from "./patch-error.ts";

export interface ListMerge {
  /** Empty: items are scalars. */
  readonly mergeKey: string;
  /** The patch lists scalars to remove. */
  readonly isDeletion: boolean;
  /** For refusals. */
  readonly typeName: string;
  readonly mergeItems: (before: JsonMap, patch: JsonMap) => JsonMap;
}

export function mergeList(original: unknown[], patch: unknown[], merge: ListMerge): unknown[] {
  if (original.length === 0 && patch.length === 0) return original;
  if (itemType(original, patch) !== "map[string]interface {}") {
    if (merge.isDeletion) return original.filter((item) => !patch.includes(item));
    return mergeOrder(
      { merged: distinct([...original, ...patch]), patchOrder: patch, order: original },
      merge.mergeKey,
    );
  }
  const { mergeKey } = merge;
  if (mergeKey === "") throw unexpected(`cannot merge lists without merge key for ${merge.typeName}`);
  const plan = carryOutDirectives(original as JsonMap[], patch as JsonMap[], mergeKey);
  const merged = mergeItems(plan, merge);
  return mergeOrder({ merged, patchOrder: plan.patch, order: plan.original }, mergeKey);
}

/** All items must be of one type. @throws PatchError */
function itemType(...lists: unknown[][]): string {
  const items = lists.flat();
  const type = goType(items[0]);
  if (items.length === 0) throw unexpected("no elements in any of the given slices");
  if (lists.some((list) => list.some(Array.isArray))) throw unprocessable("lists of lists are not supported");
  if (items.some((item) => goType(item) !== type)) {
    throw unexpected(`list element types are not identical: ${goValue(lists)}`);
  }
  if (type === "<nil>") throw badRequest("invalid patch: lists of null cannot be merged");
  return type;
}

/** The first of equal items stays where it is; each removed one is replaced by the last, as in Kubernetes. */
function distinct(items: unknown[]): unknown[] {
  for (let i = 0; i < items.length - 1; i++) {
    for (let j = i + 1; j < items.length; j++) {
      if (items[i] !== items[j]) continue;
      items[j] = items.at(-1);
      items.pop();
      j--;
    }
  }
  return items;
}

const noMergeKey = (map: JsonMap, key: string): Error =>
  unexpected(`map: ${goValue(map)} does not contain declared merge key: ${key}`);

interface Plan {
  readonly original: JsonMap[];
  readonly patch: JsonMap[];
}

/** `$patch` items: delete one, or replace the whole list. */
function carryOutDirectives(original: JsonMap[], patch: JsonMap[], mergeKey: string): Plan {
  let before = original;
  let replace = false;
  const content: JsonMap[] = [];
  for (const item of patch) {
    const directive = Object.hasOwn(item, "$patch") ? item["$patch"] : undefined;
    if (directive === undefined) content.push(item);
    else if (directive === "replace") replace = true;
    else if (directive === "merge") throw unexpected("merging lists cannot yet be specified in the patch");
    else if (directive !== "delete")
      throw unexpected(`unknown patch type: ${goValue(directive)} in map: ${goValue(item)}`);
    else if (!Object.hasOwn(item, mergeKey)) throw noMergeKey(item, mergeKey);
    else before = before.filter((other) => other[mergeKey] !== item[mergeKey]);
  }
  return replace ? { original: content, patch: [] } : { original: before, patch: content };
}

function mergeItems({ original, patch }: Plan, { mergeKey, mergeItems: mergeTwo }: ListMerge): JsonMap[] {
  const merged = [...original];
  for (const item of patch) {
    if (!Object.hasOwn(item, mergeKey)) throw noMergeKey(item, mergeKey);
    const index = merged.findIndex((other) => Object.hasOwn(other, mergeKey) && other[mergeKey] === item[mergeKey]);
    if (index === -1) merged.push(item);
    else merged[index] = mergeTwo(merged[index]!, item);
  }
  return merged;
}

interface Ordering {
  readonly merged: unknown[];
  /** The order that the patch asks for; items in it come from the patch. */
  readonly patchOrder: unknown[];
  /** The order that the object had. */
  readonly order: unknown[];
}

/** Items of the patch in the patch's order, the others in the object's, both woven together by the object's order. */
function mergeOrder({ merged, patchOrder, order }: Ordering, mergeKey: string): unknown[] {
  const keyOf = keyReader(mergeKey);
  if (mergeKey !== "") for (const item of [...merged, ...patchOrder, ...order]) requireKey(item, mergeKey);
  const inPatch = positions(patchOrder, keyOf);
  const inObject = positions(order, keyOf);
  const fromPatch = sorted(
    merged.filter((item) => inPatch.has(keyOf(item))),
    (item) => inPatch.get(keyOf(item)),
  );
  const others = sorted(
    merged.filter((item) => !inPatch.has(keyOf(item))),
    (item) => inObject.get(keyOf(item)),
  );
  const out: unknown[] = [];
  let i = 0;
  let j = 0;
  while (i < others.length || j < fromPatch.length) {
    const left = i < others.length ? inObject.get(keyOf(others[i])) : undefined;
    const right = j < fromPatch.length ? inObject.get(keyOf(fromPatch[j])) : undefined;
    const leftFirst = left !== undefined && right !== undefined && left < right;
    if (j >= fromPatch.length || (i < others.length && leftFirst)) out.push(others[i++]);
    else out.push(fromPatch[j++]);
  }
  return out;
}

const keyReader =
  (mergeKey: string) =>
  (item: unknown): unknown =>
    mergeKey === "" ? item : isMap(item) ? item[mergeKey] : undefined;

function requireKey(item: unknown, mergeKey: string): void {
  if (!isMap(item)) throw unexpected(`expected a map[string]interface {}, but received a ${goType(item)}`);
  if (!Object.hasOwn(item, mergeKey)) throw noMergeKey(item, mergeKey);
}

function positions(list: unknown[], keyOf: (item: unknown) => unknown): Map<unknown, number> {
  const found = new Map<unknown, number>();
  list.forEach((item, index) => {
    if (!found.has(keyOf(item))) found.set(keyOf(item), index);
  });
  return found;
}

/** Items without a position move before everything in front of them: Kubernetes' comparison calls them smaller. */
function sorted(items: unknown[], positionOf: (item: unknown) => number | undefined): unknown[] {
  const out: unknown[] = [];
  for (const item of items) {
    let at = out.length;
    while (at > 0 && isLess(positionOf(item), positionOf(out[at - 1]))) at--;
    out.splice(at, 0, item);
  }
  return out;
}

const isLess = (a: number | undefined, b: number | undefined): boolean => a === undefined || b === undefined || a < b;

interface OrderedMerge {
  readonly original: unknown[] | undefined;
  readonly patch: unknown[] | undefined;
  /** The list of a `$setElementOrder` directive. */
  readonly order: unknown[];
  readonly mergeKey: string;
}

/** Merges a list that has a `$setElementOrder` directive. undefined: neither side has the list. */
export function mergeOrdered(
  { original, patch, order, mergeKey }: OrderedMerge,
  merge: (original: unknown[], patch: unknown[]) => unknown[],
  withoutDirectives: (value: unknown) => unknown,
): unknown[] | undefined {
  checkOrder(patch ?? [], order, mergeKey);
  if (original === undefined && patch === undefined) return undefined;
  let merged: unknown[];
  if (patch === undefined) merged = original!;
  else if (original === undefined) merged = withoutDirectives(patch) as unknown[];
  else merged = merge(original, patch);
  itemType(original ?? [], patch ?? []);
  const before =
    original === undefined || patch === undefined ? (original ?? []) : orderAfter(original, patch, mergeKey);
  return mergeOrder({ merged, patchOrder: order, order: before }, mergeKey);
}

/**
 * In a kube-apiserver, merging overwrites the list that is then asked for the old order: new items take the places of
 * deleted ones in it. Both homes must give the same order.
 */
function orderAfter(original: unknown[], patch: unknown[], mergeKey: string): unknown[] {
  if (mergeKey === "") return original;
  const keyOf = keyReader(mergeKey);
  const isDeletion = (item: unknown): boolean => isMap(item) && item["$patch"] === "delete";
  const gone = new Set(patch.filter(isDeletion).map(keyOf));
  const kept = original.filter((item) => !gone.has(keyOf(item)));
  const known = new Set(kept.map(keyOf));
  const added = patch.filter((item) => isMap(item) && !Object.hasOwn(item, "$patch") && !known.has(keyOf(item)));
  return [...kept, ...added].slice(0, original.length);
}

/** The patch's items must occur in the directive, in the same order; deletions need not. */
function checkOrder(patch: unknown[], order: unknown[], mergeKey: string): void {
  if (order.length === 0 || patch.length === 0) return;
  const keyOf = keyReader(mergeKey);
  const items = mergeKey === "" ? patch : patch.filter((item) => !(isMap(item) && item["$patch"] === "delete"));
  let at = 0;
  for (let i = 0; i < order.length && at < items.length; ) {
    const item = items[at];
    if (isMap(item) && Object.hasOwn(item, "$patch")) {
      at++;
      continue;
    }
    if (mergeKey !== "") for (const one of [item, order[i]]) requireKey(one, mergeKey);
    if (keyOf(item) === keyOf(order[i])) at++;
    i++;
  }
  if (at < items.length) {
    throw unexpected(
      `The order in patch list:\n${goValue(patch)}\n doesn't match $setElementOrder list:\n${goValue(order)}\n`,
    );
  }
}
