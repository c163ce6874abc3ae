// SPDX-License-Identifier: Apache-2.0
// V2 bodies that are refused: the status and what the client reads. (Accepted ones: model-server's golden exchanges.)
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RequestError } from "./request-error.ts";
import { parseInferRequest } from "./v2.ts";

const input = (fields: string): string =>
  `{"inputs":[{"name":"a","shape":[2],"datatype":"INT32","data":[1,2]${fields}}]}`;

describe("parseInferRequest() refuses", () => {
  const cases = [
    { name: "malformed JSON", body: "{bad", status: 400, text: /^Unrecognized request format/ },
    { name: "an empty body", body: "", status: 422, text: /Field required/ },
    { name: "no inputs", body: "{}", status: 422, text: /inputs: Field required/ },
    {
      name: "a tensor without shape",
      body: '{"inputs":[{"name":"a","datatype":"FP32","data":[1]}]}',
      status: 422,
      text: /inputs\.0\.shape: Field required/,
    },
    {
      name: "a shape of text",
      body: '{"inputs":[{"name":"a","datatype":"FP32","shape":["x"],"data":[1]}]}',
      status: 422,
      text: /shape: Input should be a list of integers/,
    },
    { name: "an unknown datatype", body: input(',"datatype":"STRING"'), status: 400, text: /invalid datatype STRING/ },
    {
      name: "a value out of bounds",
      body: input(',"datatype":"INT8","data":[300,1]'),
      status: 400,
      text: /300 is out of bounds for INT8/,
    },
    {
      name: "a shape that does not fit",
      body: input(',"shape":[3]'),
      status: 400,
      text: /cannot reshape array of size 2 into shape \(3,\)/,
    },
    { name: "a shape of huge numbers", body: input(',"shape":[1e15,1e15]'), status: 400, text: /cannot reshape/ },
    {
      name: "a parameter that is a list",
      body: input(',"parameters":{"k":[1]}'),
      status: 422,
      text: /parameters\.k: Input should be/,
    },
    {
      name: "FP16 as JSON",
      body: input(',"datatype":"FP16"'),
      status: 400,
      text: /Sending FP16 data via JSON is not supported/,
    },
    { name: "arrays among values", body: input(',"data":[1,[2]]'), status: 400, text: /\[2\] is not a INT32 value/ },
  ];
  for (const { name, body, status, text } of cases) {
    it(name, () =>
      assert.throws(
        () => parseInferRequest(body, "m"),
        (error: unknown) => error instanceof RequestError && error.status === status && text.test(error.message),
      ),
    );
  }

  it("a binary element that ends after its bytes", () => {
    const body = '{"inputs":[{"name":"s","shape":[1],"datatype":"BYTES","parameters":{"binary_data_size":5}}]}';
    assert.throws(
      () => parseInferRequest(body, "m", Uint8Array.of(200, 0, 0, 0, 65)),
      /an element ends after its 5 bytes/,
    );
  });
});

describe("parseInferRequest() keeps 64-bit integers exact", () => {
  it("INT64 9007199254740993 and UINT64 18446744073709551615", () => {
    const body =
      '{"inputs":[{"name":"a","shape":[1],"datatype":"INT64","data":[9007199254740993]},{"name":"b","shape":[1],"datatype":"UINT64","data":[18446744073709551615]}]}';
    assert.deepEqual(
      parseInferRequest(body, "m").inputs.map(({ data }) => data[0]),
      [9007199254740993n, 18446744073709551615n],
    );
  });
});
