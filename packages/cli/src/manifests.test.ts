// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseManifests } from "./manifests.ts";

const names = (text: string): string[] =>
  parseManifests(text, "f.yaml").map(({ object }) => `${object.kind}/${object.metadata.name}`);

describe("parseManifests()", () => {
  it("reads several documents and skips empty ones", () => {
    assert.deepEqual(
      names("kind: A\napiVersion: v1\nmetadata: {name: x}\n---\n---\nkind: B\napiVersion: v1\nmetadata: {name: y}\n"),
      ["A/x", "B/y"],
    );
  });
  it("opens lists", () => {
    assert.deepEqual(
      names('{"kind":"List","apiVersion":"v1","items":[{"kind":"A","apiVersion":"v1","metadata":{"name":"x"}}]}'),
      ["A/x"],
    );
  });
  const wrong = [
    { name: "broken YAML", text: "a: [1", message: /f\.yaml, document 1/ },
    { name: "no kind", text: "apiVersion: v1\nmetadata: {name: x}", message: /document 1: kind is missing/ },
    { name: "no name", text: "kind: A\napiVersion: v1", message: /metadata\.name is missing/ },
    {
      name: "the second document is a text",
      text: "kind: A\napiVersion: v1\nmetadata: {name: x}\n---\nhello",
      message: /document 2: not an object/,
    },
  ];
  for (const { name, text, message } of wrong)
    it(`says where: ${name}`, () => void assert.throws(() => parseManifests(text, "f.yaml"), message));
});
