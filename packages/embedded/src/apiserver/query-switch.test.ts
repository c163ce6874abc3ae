// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { it } from "node:test";
import { isSwitchedOn } from "./query-switch.ts";

it("reads a switch as Kubernetes does", () => {
  for (const value of ["true", "True", "TRUE", "1", "", "yes"]) assert.equal(isSwitchedOn(value), true, value);
  for (const value of [undefined, "false", "False", "0"]) assert.equal(isSwitchedOn(value), false, String(value));
});
