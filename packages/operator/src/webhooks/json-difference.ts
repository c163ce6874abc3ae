// SPDX-License-Identifier: Apache-2.0
// What a mutation did, as the JSON patch (RFC 6902) that an API server asks for. Pure.

export type PatchOperation =
  | { readonly op: "add" | "replace"; readonly path: string; readonly value: unknown }
  | { readonly op: "remove"; readonly path: string };

type Json = unknown;
type JsonMap = Readonly<Record<string, Json>>;

const isMap = (value: Json): value is JsonMap => typeof value === "object" && value !== null && !Array.isArray(value);
const pointer = (path: string, name: string): string => `${path}/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;

function mapDifference(before: JsonMap, after: JsonMap, path: string): PatchOperation[] {
  const operations: PatchOperation[] = [];
  for (const name of Object.keys(before))
    if (after[name] === undefined) operations.push({ op: "remove", path: pointer(path, name) });
  for (const [name, value] of Object.entries(after)) {
    // In JSON an undefined field is no field.
    if (value === undefined) continue;
    if (before[name] === undefined) operations.push({ op: "add", path: pointer(path, name), value });
    else operations.push(...jsonDifference(before[name], value, pointer(path, name)));
  }
  return operations;
}

/** Item by item; what `after` has more is appended, what it has less is cut off from the end. */
function listDifference(before: readonly Json[], after: readonly Json[], path: string): PatchOperation[] {
  const operations: PatchOperation[] = [];
  const shared = Math.min(before.length, after.length);
  for (let index = 0; index < shared; index++)
    operations.push(...jsonDifference(before[index], after[index], `${path}/${index}`));
  for (let index = before.length - 1; index >= shared; index--)
    operations.push({ op: "remove", path: `${path}/${index}` });
  for (const value of after.slice(shared)) operations.push({ op: "add", path: `${path}/-`, value });
  return operations;
}

/** Operations that make `after` of `before`; none when they are equal. */
export function jsonDifference(before: Json, after: Json, path = ""): PatchOperation[] {
  if (before === after) return [];
  if (isMap(before) && isMap(after)) return mapDifference(before, after, path);
  if (Array.isArray(before) && Array.isArray(after)) return listDifference(before, after, path);
  return [{ op: "replace", path, value: after }];
}
