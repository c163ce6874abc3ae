// SPDX-License-Identifier: Apache-2.0
// Our CRDs against KServe v0.20's own: every field of theirs exists in ours with the same type, default and list keys.
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import type { SchemaNode } from "../schema/structural.ts";
import { servingCrds } from "./crds.ts";

const folder = process.env["SERVAL_GOLDEN"] ?? new URL("../../../../../shared/golden", import.meta.url).pathname;
const skip = existsSync(folder) ? false : `KServe's CRDs are not at ${folder} (set SERVAL_GOLDEN)`;

type Crd = {
  spec: {
    names: { shortNames?: string[]; singular: string };
    scope: string;
    versions: {
      name: string;
      storage: boolean;
      served: boolean;
      schema: { openAPIV3Schema: SchemaNode };
      subresources?: unknown;
      additionalPrinterColumns?: { name: string; jsonPath: string; type: string; priority?: number }[];
    }[];
  };
};

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
const llmScalingRules = ["spec", "spec.prefill"].flatMap((at) =>
  ["scaling.keda", "scaling.wva.keda", "scaling.wva"].map((field) => `.${at}.${field} x-kubernetes-validations`),
);
/** KServe's CEL reads fields without asking whether they are there, which refuses what it means to allow. */
const saferRules = ["v1alpha1", "v1alpha2"].flatMap((version) => llmScalingRules.map((path) => `${version}${path}`));

/** ADR 0010: the seed's object must reach admission, which stores KServe's boolean. */
const multiModel = ["type", "x-kubernetes-preserve-unknown-fields"].map((key) => `v1alpha1.spec.multiModel ${key}`);

const differing: Readonly<Record<string, readonly string[]>> = {
  inferenceservices: leftOut.map((line) => line.replace("missing ", "missing v1beta1")),
  servingruntimes: multiModel,
  clusterservingruntimes: multiModel,
  llminferenceservices: saferRules,
  llminferenceserviceconfigs: saferRules,
};
const added: Readonly<Record<string, readonly string[]>> = {
  inferencegraphs: ["v1alpha1.status.serval"],
  inferenceservices: ["v1beta1.spec.canaryTrafficPercent", "v1beta1.status.serval"],
  localmodelcaches: ["v1alpha1.status.serval"],
  localmodelnamespacecaches: ["v1alpha1.status.serval"],
  servingruntimes: ["v1alpha1.spec.modelTTL"],
  clusterservingruntimes: ["v1alpha1.spec.modelTTL"],
};

const kserveCrd = (name: string): Crd => JSON.parse(readFileSync(`${folder}/context/crds/${name}.json`, "utf8")) as Crd;
const columnsOf = ({ spec }: Crd) =>
  spec.versions
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ additionalPrinterColumns = [] }) =>
      additionalPrinterColumns.map(({ name, jsonPath, type, priority = 0 }) => ({ name, jsonPath, type, priority })),
    );

describe("servingCrds()", () => {
  for (const crd of servingCrds()) {
    const { name } = crd.metadata;
    const ours = crd as unknown as Crd;
    const plural = crd.spec.names.plural;
    it(`${plural}: every field, type, default, enum, list key and rule of KServe's`, { skip }, () => {
      const found: string[] = [];
      const more: string[] = [];
      for (const version of kserveCrd(name).spec.versions) {
        const own = ours.spec.versions.find((candidate) => candidate.name === version.name);
        assert.deepEqual([own?.storage, own?.served], [version.storage, version.served], version.name);
        assert.deepEqual(own?.subresources ?? {}, version.subresources ?? {});
        const { openAPIV3Schema: theirs } = version.schema;
        found.push(...differences(theirs, own?.schema.openAPIV3Schema, version.name));
        more.push(...additions(theirs, own?.schema.openAPIV3Schema as SchemaNode, version.name));
      }
      assert.deepEqual(found.sort(), [...(differing[plural] ?? [])].sort());
      assert.deepEqual(more.sort(), added[plural] ?? []);
    });
    it(`${plural}: names, scope and columns`, { skip }, () => {
      const theirs = kserveCrd(name);
      const { names, scope } = theirs.spec;
      assert.deepEqual(
        [ours.spec.scope, ours.spec.names.shortNames, ours.spec.names.singular],
        [scope, names.shortNames, names.singular],
      );
      const own = columnsOf(ours);
      columnsOf(theirs).forEach((columns, index) => {
        assert.deepEqual(own[index]?.slice(0, columns.length), columns);
      });
    });
    it(`${plural} fits into one stored object`, () => {
      assert.ok(JSON.stringify(crd).length < 1_300_000);
    });
  }

  it("has every kind that KServe installs", { skip }, () => {
    const theirs = readdirSync(`${folder}/context/crds`).filter((file) => file.includes(".serving.kserve.io."));
    assert.deepEqual(
      servingCrds()
        .map(({ metadata }) => `${metadata.name}.json`)
        .sort(),
      theirs.sort(),
    );
  });
});
