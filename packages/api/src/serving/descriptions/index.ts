// SPDX-License-Identifier: Apache-2.0
// Descriptions of our own fields, put into a schema value where it has none.
import type { SchemaNode } from "@serval/api/schema/structural.ts";
import { componentTexts, llmTexts, otherKindTexts } from "./spec.ts";
import { statusTexts } from "./status.ts";

const texts: ReadonlyMap<string, string> = new Map(
  Object.entries({ ...statusTexts, ...otherKindTexts, ...componentTexts, ...llmTexts }),
);

/** The line of a field by the longest end of its path that is known. `path` begins with the kind in lower case. */
export function textOf(path: readonly string[]): string | undefined {
  for (let start = 0; start < path.length; start += 1) {
    const found = texts.get(path.slice(start).join("."));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The schema with a description on each of our own fields; Kubernetes' definitions stay as they are. */
export function described(node: SchemaNode, path: readonly string[]): SchemaNode {
  const result: SchemaNode = { ...node };
  const text = (node["description"] as string | undefined) ?? textOf(path);
  if (text !== undefined) result["description"] = text;
  if (node.properties !== undefined)
    result.properties = Object.fromEntries(
      Object.entries(node.properties).map(([name, child]) => [name, described(child, [...path, name])]),
    );
  // Items and values are the field itself once more: only what they contain is described.
  if (node.items !== undefined) result.items = withoutOwn(node.items, path);
  if (typeof node.additionalProperties === "object")
    result.additionalProperties = withoutOwn(node.additionalProperties, path);
  return result;
}

function withoutOwn(node: SchemaNode, path: readonly string[]): SchemaNode {
  const { description: _text, ...rest } = described(node, path);
  return node["description"] === undefined ? (rest as SchemaNode) : { ...rest, description: node["description"] };
}
