// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { it } from "node:test";
import { catalogue } from "@serval/api";
import { symptoms } from "./symptoms.ts";

it("every reason that a rule can give has a symptom", () => {
  const files = readdirSync(import.meta.dirname).filter(
    (name) => !/test\.ts$|symptoms/.test(name) && name.endsWith(".ts"),
  );
  const text = files.map((name) => readFileSync(`${import.meta.dirname}/${name}`, "utf8")).join("\n");
  const given = Object.keys(catalogue).filter((reason) => text.includes(`"${reason}"`));
  const listed = new Set<string>(symptoms.flatMap(({ reasons }) => reasons));
  assert.ok(given.length > 40, `only ${given.length} reasons were found`);
  assert.deepEqual(
    given.filter((reason) => !listed.has(reason)),
    [],
  );
});
