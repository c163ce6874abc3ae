// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import manifest from "../package.json" with { type: "json" };
import { images, imagesIn, release } from "./release.ts";

test("the release is the packages' version, and names every image", () => {
  assert.equal(release, manifest.version);
  assert.equal(images.serval, `serval/serval:v${release}`);
  assert.equal(imagesIn("mirror.example/ml", "v2").modelServer, "mirror.example/ml/serval-model-server:v2");
});
