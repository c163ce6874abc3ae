// SPDX-License-Identifier: Apache-2.0
// The path element of an item of an associative list. Semantics: structured-merge-diff typed/helpers.go.
import { isMap, type JsonMap } from "../../schema/json.ts";
import { goQuote } from "../go-format.ts";
import { keyElement, type PathElement, valueElement } from "../path-element.ts";
import type { ListAtom } from "./atom.ts";

/** What makes a list item impossible to identify, in structured-merge-diff's words. */
export class ListItemError extends Error {
  override readonly name: string = "ListItemError";
}

/** Stands for items that cannot be identified; never part of managedFields. */
const unidentified: PathElement = "?:";

/** As `itemElement`; items that pruning has emptied share one element, as in structured-merge-diff. */
export function looseElement(list: ListAtom, item: unknown): PathElement {
  try {
    return itemElement(list, item);
  } catch (error) {
    if (error instanceof ListItemError) return unidentified;
    throw error;
  }
}

const fast = /^[A-Za-z0-9._/-]*$/;

/** @throws ListItemError */
export function itemElement(list: ListAtom, item: unknown): PathElement {
  if (list.keys.length === 0) return setElement(item);
  if (item === null) throw new ListItemError("associative list with keys may not have a null element");
  if (!isMap(item)) throw new ListItemError("associative list with keys may not have non-map elements");
  if (list.keys.length === 1) {
    const value = item[list.keys[0]!];
    if (typeof value === "string" && fast.test(value)) return `k:{"${list.keys[0]}":"${value}"}`;
  }
  return keyedElement(list, item);
}

function keyedElement(list: ListAtom, item: JsonMap): PathElement {
  const key: JsonMap = {};
  for (const name of list.keys) {
    if (Object.hasOwn(item, name)) {
      key[name] = item[name];
      continue;
    }
    if (list.element.map === undefined) {
      throw new ListItemError(`couldn't find default value for ${name}: associative list may not have non-map types`);
    }
    const fallback = list.element.map.fields.get(name)?.keyDefault;
    if (fallback !== undefined && fallback !== null) key[name] = fallback;
  }
  if (Object.keys(key).length > 0) return keyElement(key);
  const names = `[${list.keys.map(goQuote).join(" ")}]`;
  throw new ListItemError(
    `associative list with keys has an element that omits all key fields ${names} (and doesn't have default values for any key fields)`,
  );
}

function setElement(item: unknown): PathElement {
  if (isMap(item)) throw new ListItemError("associative list without keys has an element that's a map type");
  if (Array.isArray(item)) throw new ListItemError("not supported: associative list with lists as elements");
  if (item === null) throw new ListItemError("associative list without keys has an element that's an explicit null");
  return valueElement(item);
}
