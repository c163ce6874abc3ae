// SPDX-License-Identifier: Apache-2.0
// Which images stand for which command of this machine.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ImageNotRunnable, localCommand } from "./images.ts";

const programs = { node: "/n/node", serval: "/s/serval.mjs", cacheDir: "/c", examplesDir: "/x" };
const fetch = [programs.node, programs.serval, "fetch", "gs://b/m", "/mnt/models"];
const args = ["gs://b/m", "/mnt/models"];

describe("localCommand()", () => {
  const cases: ReadonlyArray<readonly [image: string, argv: readonly string[]]> = [
    ["kserve/storage-initializer:latest", fetch],
    ["docker.io/kserve/storage-initializer:v0.20.0", fetch],
    ["serval/storage-initializer:v0.1.0", fetch],
    ["registry.example.com/mirror/serval/storage-initializer@sha256:0", fetch],
    ["serval/serval:v0.1.0", [programs.node, programs.serval, ...args]],
    ["serval/serval-model-server:v0.1.0", [programs.node, programs.serval, "serve", ...args]],
    ["registry.example.com/x/serval-model-server:v0.1.0", [programs.node, programs.serval, "serve", ...args]],
  ];
  for (const [image, argv] of cases)
    it(image, () => assert.deepEqual(localCommand({ image, args: [...args] }, programs).argv, argv));

  it("finds the examples of this installation", () => {
    const container = { image: "serval/storage-initializer:v0.1.0", args: ["file:///examples/iris", "/mnt/models"] };
    assert.equal(localCommand(container, programs).argv[3], "file:///x/iris");
  });
  it("refuses somebody else's image of a similar name", () =>
    assert.throws(() => localCommand({ image: "acme/storage-initializer:1" }, programs), ImageNotRunnable));
});
