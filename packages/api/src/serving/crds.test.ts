// SPDX-License-Identifier: Apache-2.0
// Our CRDs against KServe v0.20's own: every field of theirs exists in ours with the same type, default and list keys.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import type { SchemaNode } from "../schema/structural.ts";
import { servingCrds } from "./crds.ts";

const folder = process.env["SERVAL_GOLDEN"] ?? new URL("../../../../../shared/golden", import.meta.url).pathname;
const skip = existsSync(folder) ? false : `KServe's CRDs are not at ${folder} (set SERVAL_GOLDEN)`;

const schemaOf = (crd: unknown): SchemaNode =>
  (crd as { spec: { versions: { schema: { openAPIV3Schema: SchemaNode } }[] } }).spec.versions[0]?.schema
    .openAPIV3Schema as SchemaNode;

/** Keywords compared one by one; `required` separately: ours may be looser, never stricter. */
const ignored = new Set(["properties", "items", "additionalProperties", "description", "required"]);

function* differences(theirs: SchemaNode, ours: SchemaNode | undefined, path: string): Generator<string> {
  if (ours === undefined) return yield `missing ${path}`;
  for (const key of new Set([...Object.keys(theirs), ...Object.keys(ours)]))
    if (!ignored.has(key) && JSON.stringify(theirs[key]) !== JSON.stringify(ours[key])) yield `${path} ${key}`;
  for (const field of ours.required ?? [])
    if (theirs.required?.includes(field) !== true) yield `${path} requires ${field}`;
  for (const [name, child] of Object.entries(theirs.properties ?? {}))
    yield* differences(child, ours.properties?.[name], `${path}.${name}`);
  if (theirs.items !== undefined) yield* differences(theirs.items, ours.items, `${path}[]`);
  if (typeof theirs.additionalProperties === "object")
    yield* differences(theirs.additionalProperties, ours.additionalProperties as SchemaNode | undefined, `${path}{}`);
}

function* additions(theirs: SchemaNode, ours: SchemaNode, path: string): Generator<string> {
  for (const [name, child] of Object.entries(ours.properties ?? {})) {
    const their = theirs.properties?.[name];
    if (their === undefined) yield `${path}.${name}`;
    else yield* additions(their, child, `${path}.${name}`);
  }
}

/** What we leave out: a pod template cannot hold ephemeral containers, KServe's canary schema only forgot to say so. */
const leftOut = ["missing .spec.canary[].predictor.ephemeralContainers"];
const cases = [
  { plural: "inferenceservices", missing: leftOut, added: [".spec.canaryTrafficPercent", ".status.serval"] },
  { plural: "servingruntimes", missing: [], added: [".spec.modelTTL"] },
  { plural: "clusterservingruntimes", missing: [], added: [".spec.modelTTL"] },
  { plural: "inferencegraphs", missing: [], added: [] },
  { plural: "trainedmodels", missing: [], added: [] },
];

describe("servingCrds()", () => {
  for (const { plural, missing, added } of cases) {
    const name = `${plural}.serving.kserve.io`;
    const ours = servingCrds().find((crd) => crd.metadata.name === name);
    it(`has every field of KServe's ${plural}`, { skip }, () => {
      const theirs = JSON.parse(readFileSync(`${folder}/context/crds/${name}.json`, "utf8")) as unknown;
      assert.deepEqual([...differences(schemaOf(theirs), schemaOf(ours), "")], missing);
      assert.deepEqual([...additions(schemaOf(theirs), schemaOf(ours), "")].sort(), added);
    });
    it(`keeps KServe's printer columns of ${plural} first`, { skip }, () => {
      const theirs = JSON.parse(readFileSync(`${folder}/context/crds/${name}.json`, "utf8")) as {
        spec: { versions: { additionalPrinterColumns: { name: string }[] }[] };
      };
      const names = (columns: readonly { name: string }[] | undefined) => columns?.map((column) => column.name) ?? [];
      const expected = names(theirs.spec.versions[0]?.additionalPrinterColumns);
      assert.deepEqual(names(ours?.spec.versions[0]?.additionalPrinterColumns).slice(0, expected.length), expected);
    });
  }
});
