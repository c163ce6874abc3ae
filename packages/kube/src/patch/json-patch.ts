// SPDX-License-Identifier: Apache-2.0
// RFC 6902: JSON patch, with the texts and the leniencies of the library that kube-apiserver uses
// (gopkg.in/evanphx/json-patch.v4: negative indexes; `replace` and `copy` of absent keys).
import { copyMap, isMap, type JsonMap, jsonEqual, ownValue, setKey } from "../schema/json.ts";
import type { JsonPatch } from "./contract.ts";
import { badRequest, PatchError, refuseDeepNesting, unprocessable } from "./patch-error.ts";

/** kube-apiserver's limit. */
const maxOperations = 10_000;

/** @throws PatchError 400 for what is no patch, 413 for too many operations, 422 for one that does not apply. */
export const jsonPatch: JsonPatch = (document, operations) => {
  refuseDeepNesting("the JSON patch", operations);
  if (!Array.isArray(operations) || !operations.every(isMap)) {
    throw badRequest('a JSON patch must be a list of operations: [{"op": …, "path": …}]');
  }
  if (operations.length > maxOperations) {
    const text = `The allowed maximum operations in a JSON patch is ${maxOperations}, got ${operations.length}`;
    throw new PatchError(413, "RequestEntityTooLarge", text);
  }
  const result = operations.reduce<unknown>(
    (before, operation) => applyOperation(before, operation as JsonMap),
    document,
  );
  refuseDeepNesting("the patched object", result);
  return result;
};

const missing = (text: string): PatchError => unprocessable(`${text}: missing value`);

function applyOperation(document: unknown, operation: JsonMap): unknown {
  const kind = ownValue(operation, "op");
  switch (kind) {
    case "add":
      return add(document, pathOf(operation, "path", kind), ownValue(operation, "value") ?? null);
    case "remove":
      return remove(document, pathOf(operation, "path", kind), { kind: "remove" });
    case "replace":
      return replace(document, pathOf(operation, "path", kind), ownValue(operation, "value") ?? null);
    case "move":
      return move(document, pathOf(operation, "from", kind), pathOf(operation, "path", kind));
    case "copy":
      return copy(document, pathOf(operation, "from", kind), pathOf(operation, "path", kind));
    case "test":
      return test(document, pathOf(operation, "path", kind), ownValue(operation, "value") ?? null);
    default:
      throw unprocessable(`Unexpected kind: ${typeof kind === "string" ? kind : "unknown"}`);
  }
}

function pathOf(operation: JsonMap, field: "path" | "from", kind: string): string {
  const path = ownValue(operation, field);
  if (typeof path !== "string") throw missing(`${kind} operation failed to decode ${field}`);
  return path;
}

/** RFC 6901 section 4; undefined: no pointer into a document. */
function tokensOf(path: string): string[] | undefined {
  const parts = path.split("/");
  return parts.length < 2 ? undefined : parts.slice(1).map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
}

type Container = JsonMap | unknown[];
const isContainer = (value: unknown): value is Container => typeof value === "object" && value !== null;

interface Edit {
  readonly path: string;
  /** What to say when the place's container does not exist. */
  readonly absent: string;
  /** Returns the changed container; the given one must stay as it is. */
  readonly change: (container: Container, key: string) => unknown;
}

/** The document with one container changed; everything off the path is shared. */
function edit(document: unknown, { path, absent, change }: Edit): unknown {
  const tokens = tokensOf(path);
  if (tokens === undefined) throw missing(absent);
  const visit = (node: unknown, depth: number): unknown => {
    if (!isContainer(node)) throw missing(absent);
    const token = tokens[depth]!;
    if (depth === tokens.length - 1) return change(node, token);
    const child = Array.isArray(node) ? node[knownIndex(node, token) ?? -1] : ownValue(node, token);
    const next = visit(child, depth + 1);
    if (next === child) return node;
    return Array.isArray(node) ? node.with(knownIndex(node, token)!, next) : withKey(node, token, next);
  };
  return visit(document, 0);
}

function withKey(map: JsonMap, key: string, value: unknown): JsonMap {
  const out = copyMap(map);
  setKey(out, key, value);
  return out;
}

const isIndex = (token: string): boolean => /^[+-]?\d+$/.test(token);

function knownIndex(list: unknown[], token: string): number | undefined {
  if (!isIndex(token)) return undefined;
  const index = Number(token) < 0 ? Number(token) + list.length : Number(token);
  return index >= 0 && index < list.length ? index : undefined;
}

const badIndex = (token: string): string =>
  isIndex(token)
    ? `Unable to access invalid index: ${Number(token)}: invalid index referenced`
    : `strconv.Atoi: parsing ${JSON.stringify(token)}: invalid syntax`;

/** The value at a place; null where a map lacks the key. */
function valueAt(container: Container, key: string, context: string): unknown {
  if (!Array.isArray(container)) return ownValue(container, key) ?? null;
  const index = knownIndex(container, key);
  if (index === undefined) throw unprocessable(`${context}: ${badIndex(key)}`);
  return container[index];
}

function insert(container: Container, key: string, { value, context }: { value: unknown; context: string }): Container {
  if (!Array.isArray(container)) return withKey(container, key, value);
  if (key === "-") return [...container, value];
  if (!isIndex(key)) {
    throw unprocessable(`${context}: value was not a proper array index: '${key}': ${badIndex(key)}`);
  }
  const index = Number(key) < 0 ? Number(key) + container.length + 1 : Number(key);
  if (index < 0 || index > container.length) throw unprocessable(`${context}: ${badIndex(key)}`);
  return container.toSpliced(index, 0, value);
}

function without(container: Container, key: string, context: string): Container {
  if (!Array.isArray(container)) {
    if (!Object.hasOwn(container, key)) throw missing(`${context}: Unable to remove nonexistent key: ${key}`);
    const out = copyMap(container);
    delete out[key];
    return out;
  }
  const index = knownIndex(container, key);
  if (index === undefined) throw unprocessable(`${context}: ${badIndex(key)}`);
  return container.toSpliced(index, 1);
}

function add(document: unknown, path: string, value: unknown): unknown {
  const absent = `add operation does not apply: doc is missing path: "${path}"`;
  const context = `error in add for path: '${path}'`;
  return edit(document, { path, absent, change: (container, key) => insert(container, key, { value, context }) });
}

function remove(document: unknown, path: string, { kind, context }: { kind: string; context?: string }): unknown {
  const place = kind === "remove" ? `path: "${path}"` : `from path: ${path}`;
  const absent = `${kind} operation does not apply: doc is missing ${place}`;
  const change: Edit["change"] = (container, key) =>
    without(container, key, context ?? `error in remove for path: '${path}'`);
  return edit(document, { path, absent, change });
}

function replace(document: unknown, path: string, value: unknown): unknown {
  if (path === "") {
    if (isContainer(value)) return value;
    throw unprocessable("replace operation value must be object or array");
  }
  const absent = `replace operation does not apply: doc is missing path: ${path}`;
  const change: Edit["change"] = (container, key) => {
    if (!Array.isArray(container)) return withKey(container, key, value);
    const index = knownIndex(container, key);
    if (index === undefined) throw missing(`replace operation does not apply: doc is missing key: ${path}`);
    return container.with(index, value);
  };
  return edit(document, { path, absent, change });
}

/** Reads without changing: `edit` returns the same document. */
function read(
  document: unknown,
  path: string,
  { absent, context }: { absent: string; context: (key: string) => string },
): unknown {
  let value: unknown;
  const change: Edit["change"] = (container, key) => {
    value = valueAt(container, key, context(key));
    return container;
  };
  edit(document, { path, absent, change });
  return value;
}

function move(document: unknown, from: string, path: string): unknown {
  const absent = `move operation does not apply: doc is missing from path: ${from}`;
  const context = (key: string): string => `error in move for path: '${key}'`;
  const value = read(document, from, { absent, context });
  const key = tokensOf(from)!.at(-1)!;
  const removed = remove(document, from, { kind: "move", context: context(key) });
  return edit(removed, {
    path,
    absent: `move operation does not apply: doc is missing destination path: ${path}`,
    change: (container, last) => insert(container, last, { value, context: context(path) }),
  });
}

function copy(document: unknown, from: string, path: string): unknown {
  const absent = `copy operation does not apply: doc is missing from path: ${from}`;
  const value = read(document, from, { absent, context: () => `error in copy for from: '${from}'` });
  return edit(document, {
    path,
    absent: `copy operation does not apply: doc is missing destination path: ${path}`,
    change: (container, key) => insert(container, key, { value, context: "error while adding value during copy" }),
  });
}

function test(document: unknown, path: string, expected: unknown): unknown {
  const absent = `test operation does not apply: is missing path: ${path}`;
  const context = (): string => `error in test for path: '${path}'`;
  const value = path === "" ? document : read(document, path, { absent, context });
  if (!jsonEqual(value, expected)) throw unprocessable(`testing value ${path} failed: test failed`);
  return document;
}
