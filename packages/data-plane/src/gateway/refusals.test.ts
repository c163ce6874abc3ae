// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { it } from "node:test";
import { catalogue } from "@serval/api/errors/index.ts";
import { refusals } from "./refusals.ts";

it("every answer of the gateway has its entry in the error catalogue", () => {
  const codes = new Set<string>(Object.values(catalogue).map(({ code }) => code));
  const made = Object.values(refusals).map((make) => (make as (...args: unknown[]) => { code: string })("a", "b"));
  assert.deepEqual(
    made.map(({ code }) => code).filter((code) => !codes.has(code)),
    [],
  );
});
