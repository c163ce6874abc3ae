// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { SchemaNode } from "@serval/api/schema/structural.ts";
import { servingResources } from "../crds.ts";
import { described } from "./index.ts";
import { componentTexts, llmTexts, otherKindTexts } from "./spec.ts";
import { statusTexts } from "./status.ts";

const tables = { componentTexts, otherKindTexts, llmTexts, statusTexts };

function* fields(node: SchemaNode, path: readonly string[]): Generator<{ path: readonly string[]; text: unknown }> {
  for (const [name, child] of Object.entries(node.properties ?? {})) {
    yield { path: [...path, name], text: child["description"] };
    yield* fields(child, [...path, name]);
  }
  if (node.items !== undefined) yield* fields(node.items, path);
  if (typeof node.additionalProperties === "object") yield* fields(node.additionalProperties, path);
}

const all = servingResources.flatMap((resource) => {
  const kind = resource.type.kind.toLowerCase();
  return [resource, ...(resource.otherVersions ?? [])].flatMap(({ spec, status }) => {
    const node = { properties: { spec, ...(status === undefined ? {} : { status }) } } as unknown as SchemaNode;
    return [...fields(described(node, [kind]), [kind])];
  });
});

describe("descriptions", () => {
  it("every field of ours has one", () => {
    const missing = all.filter(({ text }) => typeof text !== "string").map(({ path }) => path.join("."));
    assert.deepEqual([...new Set(missing)], []);
  });
  it("every line of the tables is used", () => {
    const used = new Set(all.map(({ text }) => text));
    const unused = Object.values(tables).flatMap((table) =>
      Object.entries(table).filter(([, text]) => !used.has(text)),
    );
    assert.deepEqual(unused, []);
  });
  it("no key stands in two tables", () => {
    const keys = Object.values(tables).flatMap((table) => Object.keys(table));
    assert.deepEqual(
      keys.filter((key, index) => keys.indexOf(key) !== index),
      [],
    );
  });
});
