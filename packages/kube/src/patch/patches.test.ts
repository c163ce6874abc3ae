// SPDX-License-Identifier: Apache-2.0
// What the oracle cannot show: codes of refusals, limits, hostile input. Results: recorded.test.ts and test/oracle.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { decodeFieldSet, encodeFieldSet, jsonPatch, mergePatch, PatchError, strategicMergePatch } from "./index.ts";

const file = new URL("../../../api/src/core/kubernetes-schemas.gen.json", import.meta.url);
const definitions = JSON.parse(readFileSync(file, "utf8"));
const pod = { root: definitions["io.k8s.api.core.v1.Pod"], definitions };
const strategic = (original: object, patch: object) => strategicMergePatch(original as never, patch as never, pod);

const deep = (): unknown => {
  let value: unknown = [];
  for (let i = 0; i < 100_000; i++) value = [value];
  return value;
};

const refusals = [
  { name: "JSON patch: no list", run: () => jsonPatch({}, {} as never), code: 400 },
  { name: "JSON patch: missing path", run: () => jsonPatch({}, [{ op: "add", path: "/a/b", value: 1 }]), code: 422 },
  {
    name: "JSON patch: failed test",
    run: () => jsonPatch({ a: 1 }, [{ op: "test", path: "/a", value: 2 }]),
    code: 422,
  },
  {
    name: "JSON patch: inherited key",
    run: () => jsonPatch({}, [{ op: "add", path: "/constructor/x", value: 1 }]),
    code: 422,
  },
  {
    name: "JSON patch: too many",
    run: () => jsonPatch({}, Array(10_001).fill({ op: "test", path: "", value: {} })),
    code: 413,
  },
  { name: "JSON patch: too deep", run: () => jsonPatch({}, [{ op: "add", path: "/a", value: deep() }]), code: 400 },
  { name: "merge patch: a string", run: () => mergePatch({}, "x"), code: 400 },
  { name: "merge patch: too deep", run: () => mergePatch({}, { a: deep() }), code: 400 },
  {
    name: "strategic: $retainKeys without the key",
    run: () => strategic({ spec: {} }, { spec: { a: 1, $retainKeys: ["b"] } }),
    code: 400,
  },
  { name: "strategic: unknown directive", run: () => strategic({ spec: {} }, { spec: { $patch: "odd" } }), code: 500 },
  {
    name: "strategic: no merge key",
    run: () => strategic({ spec: { containers: [{ name: "a" }] } }, { spec: { containers: [{ image: "b" }] } }),
    code: 500,
  },
  { name: "strategic: too deep", run: () => strategic({}, { spec: deep() }), code: 400 },
];

describe("patches that do not apply", () => {
  for (const { name, run, code } of refusals) {
    it(`${name}: ${code}`, () => {
      assert.throws(run, (error: unknown) => error instanceof PatchError && error.code === code);
    });
  }
});

describe("hostile keys", () => {
  const hostile = JSON.parse('{"__proto__": {"polluted": true}}');
  const results = [
    mergePatch({}, hostile),
    strategic({}, hostile),
    jsonPatch({}, [{ op: "add", path: "/__proto__", value: { polluted: true } }]),
  ];
  for (const [index, result] of results.entries()) {
    it(`__proto__ stays an own key (${index})`, () => {
      assert.equal(JSON.stringify(result), '{"__proto__":{"polluted":true}}');
      assert.equal(({} as { polluted?: unknown }).polluted, undefined);
    });
  }
});

describe("fieldsV1", () => {
  it("reads any spelling and writes Kubernetes' own", () => {
    const fields = {
      'k:{"b": 2,"a":"<"}': {},
      "v:1": {},
      "i:3": {},
      "f:z": { ".": {}, "f:y": {} },
      "f:a": {},
      "q:new": {},
    };
    assert.equal(
      JSON.stringify(encodeFieldSet(decodeFieldSet(fields))),
      '{"f:a":{},"f:z":{".":{},"f:y":{}},"k:{\\"a\\":\\"\\\\u003c\\",\\"b\\":2}":{},"v:1":{},"i:3":{}}',
    );
  });

  for (const bad of [{ x: {} }, { "k:1": {} }, { "v:{": {} }, { "i:x": {} }, { "f:a": 1 }]) {
    it(`refuses ${JSON.stringify(bad)}`, () => {
      assert.throws(() => decodeFieldSet(bad), SyntaxError);
    });
  }
});
