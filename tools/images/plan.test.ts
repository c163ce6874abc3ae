// SPDX-License-Identifier: Apache-2.0
// Names, aliases and flags.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { images, release } from "@serval/api";
import { parseFlags } from "./flags.ts";
import { parseAlias, planImages, qualified } from "./plan.ts";

const plan = { repository: "serval", tag: `v${release}`, aliases: [], only: [] } as const;

describe("planImages()", () => {
  it("names the images as the manifests do", () =>
    assert.deepEqual(
      planImages(plan).map(({ name }) => name),
      [images.serval, images.storageInitializer, images.modelServer].map((name) => `docker.io/${name}`),
    ));

  it("puts an alias behind the image whose layers it shares", () => {
    const aliases = ["kserve/xgbserver:v0.20.0=xgboost", "kserve/storage-initializer:v0.20.0=storage-initializer"];
    const planned = planImages({ ...plan, aliases: aliases.map(parseAlias) });
    assert.deepEqual(
      planned.map((each) => [each.id, each.arguments.join(" ")]),
      [
        ["serval", ""],
        ["storage-initializer", "fetch"],
        ["storage-initializer", "fetch"],
        ["serval-model-server", "serve"],
        ["serval-model-server", "serve --framework=xgboost"],
      ],
    );
    assert.equal(planned[4]!.name, "docker.io/kserve/xgbserver:v0.20.0");
  });
});

describe("qualified()", () => {
  const cases: ReadonlyArray<readonly [string, string]> = [
    ["serval/serval:v1", "docker.io/serval/serval:v1"],
    ["busybox:1", "docker.io/library/busybox:1"],
    ["ghcr.io/a/b:1", "ghcr.io/a/b:1"],
    ["localhost/a:1", "localhost/a:1"],
    ["host:5000/a:1", "host:5000/a:1"],
  ];
  for (const [name, full] of cases) it(name, () => assert.equal(qualified(name), full));
});

describe("parseFlags()", () => {
  it("has the release's names by default", () => {
    const { repository, tag, only, aliases, push } = parseFlags(["--platform", "linux/amd64"]);
    assert.deepEqual([repository, tag, only, aliases, push], ["serval", `v${release}`, [], [], undefined]);
  });
  const refused: ReadonlyArray<readonly [args: string[], message: RegExp]> = [
    [["--platform", "windows/amd64"], /linux\/amd64, linux\/arm64/],
    [["--only", "serval,other"], /"other"[\s\S]*storage-initializer/],
    [["--alias", "kserve/sklearnserver=sklearn"], /NAME:TAG=FRAMEWORK/],
    [["--alias", "kserve/sklearnserver:v1"], /NAME:TAG=FRAMEWORK/],
    [["--tag", "a b"], /--tag "a b"/],
    [["--repository", "Serval/"], /--repository "Serval\/"/],
    [["--what"], /--what/],
  ];
  for (const [args, message] of refused)
    it(`refuses ${args.join(" ")}`, () => assert.throws(() => parseFlags(args), message));
});
