// SPDX-License-Identifier: Apache-2.0
// Several models in one pod: one initializer, one volume, claims of their own.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { podTemplate } from "../index.ts";
import { configOf, contextOf, storageContainer, templateOf } from "../testing/pod-context.ts";
import { storageUris } from "./storage-uris.ts";

const built = (uris: readonly { uri: string; mountPath?: string }[], more: Parameters<typeof contextOf>[0] = {}) =>
  storageUris(templateOf(), contextOf({ predictor: { storageUris: [...uris] }, ...more })).spec;

describe("several sources", () => {
  it("are fetched by one container into one volume at their common parent", () => {
    const spec = built([
      { uri: "s3://b/base", mountPath: "/mnt/models/base" },
      { uri: "hf://o/lora", mountPath: "/mnt/models/lora" },
    ]);
    assert.equal(spec.initContainers?.length, 1);
    const [init] = spec.initContainers ?? [];
    assert.deepEqual(init?.args, ["s3://b/base", "/mnt/models/base", "hf://o/lora", "/mnt/models/lora"]);
    assert.deepEqual(init?.volumeMounts, [{ name: "mnt-models", mountPath: "/mnt/models" }]);
    assert.deepEqual(spec.containers[0]?.volumeMounts, [
      { name: "mnt-models", mountPath: "/mnt/models", readOnly: true },
    ]);
    assert.deepEqual(spec.volumes, [{ name: "mnt-models", emptyDir: {} }]);
  });
  it("may be claims, each with the path that its URI names", () => {
    const spec = built([
      { uri: "pvc://one/a", mountPath: "/mnt/one" },
      { uri: "pvc://two", mountPath: "/mnt/two" },
    ]);
    assert.equal(spec.initContainers, undefined);
    assert.deepEqual(spec.containers[0]?.volumeMounts, [
      { name: "mnt-one", mountPath: "/mnt/one", readOnly: true, subPath: "a" },
      { name: "mnt-two", mountPath: "/mnt/two", readOnly: true },
    ]);
  });
  it("need a storage container that can fetch several", () => {
    const one = storageContainer("s3", { supportedUriFormats: [{ prefix: "s3://" }] });
    const input = { known: { storageContainers: [one] } };
    assert.throws(() => built([{ uri: "s3://b" }], input), {
      message:
        'storage container "storage-initializer" does not support multi-model download; use the default kserve storage initializer or a compatible storage container',
    });
    const many = { ...one, spec: { ...one.spec, supportsMultiModelDownload: true } };
    assert.equal(
      built([{ uri: "s3://b" }], { known: { storageContainers: [many] } }).initContainers?.[0]?.image,
      "e/s3:1",
    );
  });
  it("beside images are fetched too, and the images by the same container", () => {
    const config = configOf({ storageInitializer: { ociModelMode: "fetch" } });
    const predictor = {
      storageUris: [
        { uri: "s3://b/m", mountPath: "/mnt/models/a" },
        { uri: "oci://r/m:1", mountPath: "/mnt/models/b" },
      ],
    };
    const { spec } = podTemplate(templateOf(), contextOf({ predictor, config }));
    assert.equal(spec.initContainers?.length, 1);
    assert.deepEqual(spec.initContainers?.[0]?.args, ["s3://b/m", "/mnt/models/a", "oci://r/m:1", "/mnt/models/b"]);
    assert.deepEqual(
      spec.containers[0]?.volumeMounts?.map(({ mountPath }) => mountPath),
      ["/mnt/models/a", "/mnt/models/b"],
    );
  });
});
