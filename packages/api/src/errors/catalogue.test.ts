// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { it } from "node:test";
import { catalogue } from "./catalogue.ts";
import { ServalError } from "./serval-error.ts";

it("every code is SV#### and used once", () => {
  const codes = Object.values(catalogue).map(({ code }) => code);
  assert.deepEqual(
    codes.filter((code) => !/^SV\d{4}$/.test(code)),
    [],
  );
  assert.equal(new Set(codes).size, codes.length);
});
it("ServalError takes its way out from the catalogue unless it has a better one", () => {
  assert.equal(new ServalError("InvalidName", "x").fix, catalogue.InvalidName.fix);
  assert.equal(new ServalError("InvalidName", "x", { fix: "y" }).fix, "y");
});
