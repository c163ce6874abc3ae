// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type AnyObject, release } from "@serval/api";
import { installManager, renewal } from "./ensure.ts";
import { compareReleases } from "./release-order.ts";

const ordered = [
  "0.1.0-alpha",
  "0.1.0-alpha.1",
  "0.1.0-alpha.beta",
  "0.1.0-rc.2",
  "0.1.0-rc.11",
  "0.1.0",
  "0.1.1",
  "0.10.0",
  "1.0.0",
];

describe("the order of releases", () => {
  for (const [index, older] of ordered.entries())
    for (const newer of ordered.slice(index + 1))
      it(`${older} before ${newer}`, () => {
        assert.ok(compareReleases(older, newer) < 0);
        assert.ok(compareReleases(newer, older) > 0);
      });
  it("takes a leading v and a build for nothing", () => assert.equal(compareReleases("v1.2.3+abc", "1.2.3"), 0));
});

const spec = { containers: [{ name: "kserve-container", image: "example/server:v2" }] };
const wanted: AnyObject = { apiVersion: "v1alpha1", kind: "ClusterServingRuntime", metadata: { name: "one" }, spec };

interface Stored {
  readonly release?: string;
  readonly recorded?: string;
  readonly generation?: number;
  readonly image?: string;
}

const stored = ({ release: by, recorded = "1", generation = 1, image = "example/server:v2" }: Stored): AnyObject => ({
  ...wanted,
  metadata: {
    name: "one",
    generation,
    annotations: {
      ...(by === undefined ? {} : { "serval.dev/release": by, "serval.dev/release-generation": recorded }),
    },
    managedFields: [
      { manager: installManager, operation: "Apply", apiVersion: "v1", fieldsType: "FieldsV1", fieldsV1: {} },
    ],
  },
  spec: { containers: [{ name: "kserve-container", image }] },
});

const rows: readonly (readonly [string, Stored, string])[] = [
  ["what was never ours", {}, "foreign"],
  ["what a newer release wrote", { release: "99.0.0", image: "example/server:v3" }, "newer"],
  ["what its user edited", { release: "0.0.1", generation: 2 }, "edited"],
  ["what its user edited in this release", { release, generation: 3, recorded: "2" }, "edited"],
  ["what is as it should be", { release }, "unchanged"],
];

describe("an object that comes with a release", () => {
  for (const [name, input, expected] of rows)
    it(`leaves ${name}`, () => assert.equal(renewal(wanted, stored(input)), expected));
  it("writes the next generation where the spec is another one", () => {
    const next = renewal(
      wanted,
      stored({ release: "0.0.1", generation: 4, recorded: "4", image: "example/server:v1" }),
    );
    assert.ok(typeof next !== "string");
    assert.deepEqual(next.metadata.annotations, {
      "serval.dev/release": release,
      "serval.dev/release-generation": "5",
    });
  });
  it("keeps the generation where only the release is another one", () => {
    const next = renewal(wanted, stored({ release: "0.0.1", generation: 4, recorded: "4" }));
    assert.ok(typeof next !== "string");
    assert.equal(next.metadata.annotations?.["serval.dev/release-generation"], "4");
  });
});
