// SPDX-License-Identifier: Apache-2.0
// Which images the model server stands in for, which engine each needs, and the shape of the generated runtimes.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { clusterServingRuntimes, engineForImage, imageName, serveArgsForImage } from "./catalogue.ts";
import type { SupportedFormat } from "./descriptor.ts";

describe("imageName() drops registry, tag and digest", () => {
  const cases = [
    ["kserve/sklearnserver:latest", "kserve/sklearnserver"],
    ["docker.io/kserve/xgbserver:v0.20.0", "kserve/xgbserver"],
    ["localhost:5000/serval-model-server@sha256:abc", "serval-model-server"],
    ["serval-model-server", "serval-model-server"],
  ] as const;
  for (const [image, name] of cases) it(image, () => assert.equal(imageName(image), name));
});

describe("engineForImage() and serveArgsForImage()", () => {
  const cases = [
    { image: "serval-model-server", args: ["--framework=onnx"], engine: "onnx", serve: ["--framework=onnx"] },
    {
      image: "ghcr.io/serval/serval-model-server:1",
      args: ["--framework", "gguf"],
      engine: "llama",
      serve: ["--framework", "gguf"],
    },
    {
      image: "kserve/sklearnserver:latest",
      args: ["--x=1"],
      engine: undefined,
      serve: ["--x=1", "--framework=sklearn"],
    },
    {
      image: "kserve/predictiveserver:v0.20.0",
      args: ["--framework=xgboost"],
      engine: undefined,
      serve: ["--framework=xgboost"],
    },
    { image: "nginx", args: ["--framework=onnx"], engine: undefined, serve: undefined },
  ];
  for (const { image, args, engine, serve } of cases) {
    it(`${image} ${args.join(" ")}`, () => {
      assert.equal(engineForImage(image, args), engine);
      assert.deepEqual(serveArgsForImage(image, args), serve);
    });
  }
});

describe("clusterServingRuntimes()", () => {
  it("gives Serval's own server a priority only where it is preferred", () => {
    const priorities = (prefersOwn: boolean) =>
      clusterServingRuntimes({ prefersOwn })
        .filter(({ metadata }) => metadata.name.startsWith("serval-"))
        .flatMap(({ spec }) => spec["supportedModelFormats"] as SupportedFormat[])
        .map(({ autoSelect, priority }) => (autoSelect === true ? priority : "named only"));
    assert.deepEqual(new Set(priorities(true)), new Set([3, "named only"]));
    assert.deepEqual(new Set(priorities(false)), new Set([undefined, "named only"]));
  });
  it("names the image of Serval's own server as a cluster pulls it, and nobody else's", () => {
    const ownImage = "registry.example.com/serval/serval-model-server:v0.1.0";
    const imagesOf = (selection: Parameters<typeof clusterServingRuntimes>[0]) =>
      new Map(
        clusterServingRuntimes(selection).map(({ metadata, spec }) => [
          metadata.name,
          (spec["containers"] as { image: string }[])[0]!.image,
        ]),
      );
    const [plain, qualified] = [imagesOf({ prefersOwn: false }), imagesOf({ prefersOwn: false, ownImage })];
    for (const [name, image] of plain)
      assert.equal(qualified.get(name), image === "serval-model-server" ? ownImage : image);
    assert.equal(qualified.get("serval-onnx"), ownImage);
  });
  it("leaves the optional ones out", () => {
    const names = clusterServingRuntimes({ prefersOwn: true }).map(({ metadata }) => metadata.name);
    assert.equal(names.includes("kserve-openvino"), false);
    assert.equal(new Set(names).size, names.length);
  });
});
