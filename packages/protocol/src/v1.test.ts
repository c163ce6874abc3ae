// SPDX-License-Identifier: Apache-2.0
// V1 bodies: what becomes a tensor, what is refused with which text, and how predictions are written.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseJson } from "./json.ts";
import { RequestError } from "./request-error.ts";
import type { Tensor } from "./tensor.ts";
import { checkV1, instancesOf, predictionsBody, tensorsFromInstances } from "./v1.ts";

const read = (text: string): readonly Tensor[] => tensorsFromInstances(instancesOf(checkV1(parseJson(text))));

describe("V1 instances become tensors", () => {
  const cases = [
    { name: "a matrix", body: '{"instances":[[1,2],[3,4]]}', want: [["input-0", "FP64", [2, 2], [1, 2, 3, 4]]] },
    {
      name: "null is a missing value",
      body: '{"instances":[[1,null]]}',
      want: [["input-0", "FP64", [1, 2], [1, Number.NaN]]],
    },
    {
      name: "numbers as text and booleans",
      body: '{"instances":[["1.5",true]]}',
      want: [["input-0", "FP64", [1, 2], [1.5, 1]]],
    },
    {
      name: "inputs wins over instances",
      body: '{"instances":[[1]],"inputs":[[2]]}',
      want: [["input-0", "FP64", [1, 1], [2]]],
    },
    { name: "strings", body: '{"instances":["a","b"]}', want: [["input-0", "BYTES", [2], ["a", "b"]]] },
    {
      name: "rows of names",
      body: '{"instances":[{"x":1,"y":"a"},{"x":2,"y":"b"}]}',
      want: [
        ["x", "FP64", [2], [1, 2]],
        ["y", "BYTES", [2], ["a", "b"]],
      ],
    },
    { name: "pandas rows of arrays", body: '{"instances":[{"x":[1,2]}]}', want: [["x", "FP64", [2], [1, 2]]] },
    { name: "three dimensions", body: '{"instances":[[[1],[2]]]}', want: [["input-0", "FP64", [1, 2, 1], [1, 2]]] },
    { name: "nothing", body: '{"instances":[]}', want: [["input-0", "FP64", [0], []]] },
  ];
  for (const { name, body, want } of cases) {
    it(name, () =>
      assert.deepEqual(
        read(body).map((tensor) => [tensor.name, tensor.datatype, tensor.shape, Array.from<unknown>(tensor.data)]),
        want,
      ),
    );
  }
});

describe("V1 bodies that are refused with 400", () => {
  const cases = [
    { name: "half of a JSON text", body: '{"instances":', text: /^Unrecognized request format: / },
    { name: "an empty body", body: "", text: /^Unrecognized request format: / },
    { name: "a list", body: "[1]", text: /expected a JSON object/ },
    { name: "instances that are a number", body: '{"instances":3}', text: /^Expected "instances" to be a list$/ },
    { name: "no instances", body: '{"x":1}', text: /no "instances"/ },
    {
      name: "a short row",
      body: '{"instances":[[1,2],[3]]}',
      text: /instances\[1\]: it has 1 values where instances\[0\] has 2/,
    },
    { name: "a word among numbers", body: '{"instances":[[1,"x"]]}', text: /instances\[0\]\[1\]: "x" is not a number/ },
    {
      name: "a missing column",
      body: '{"instances":[{"x":1},{"y":2}]}',
      text: /instances\[1\]: the column "x" is missing/,
    },
    {
      name: "a tower of brackets",
      body: `{"instances":${"[".repeat(50)}1${"]".repeat(50)}}`,
      text: /nested more than 16 levels/,
    },
  ];
  for (const { name, body, text } of cases) {
    it(name, () =>
      assert.throws(
        () => read(body),
        (error: unknown) => error instanceof RequestError && error.status === 400 && text.test(error.message),
      ),
    );
  }
});

describe("predictionsBody()", () => {
  const cases = [
    {
      name: "class numbers",
      outputs: [{ name: "o", datatype: "INT64", shape: [2], data: BigInt64Array.of(1n, 0n) }],
      want: '{"predictions":[1,0]}',
    },
    {
      name: "floats, whole ones with .0, NaN as null",
      outputs: [{ name: "o", datatype: "FP32", shape: [3], data: Float32Array.of(1, 0.5, Number.NaN) }],
      want: '{"predictions":[1.0,0.5,null]}',
    },
    {
      name: "rows",
      outputs: [{ name: "o", datatype: "FP64", shape: [2, 2], data: Float64Array.of(1, 2, 3, 4.5) }],
      want: '{"predictions":[[1.0,2.0],[3.0,4.5]]}',
    },
    {
      name: "labels",
      outputs: [{ name: "o", datatype: "BYTES", shape: [1], data: ['a"b'] }],
      want: '{"predictions":["a\\"b"]}',
    },
    {
      name: "several outputs as rows of names",
      outputs: [
        { name: "label", datatype: "INT64", shape: [2], data: BigInt64Array.of(1n, 2n) },
        { name: "p", datatype: "FP32", shape: [2, 2], data: Float32Array.of(0.5, 0.5, 1, 0) },
      ],
      want: '{"predictions":[{"label":1,"p":[0.5,0.5]},{"label":2,"p":[1.0,0.0]}]}',
    },
  ] as const;
  for (const { name, outputs, want } of cases) it(name, () => assert.equal(predictionsBody(outputs), want));
});
