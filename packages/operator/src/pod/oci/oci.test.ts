// SPDX-License-Identifier: Apache-2.0
// Three ways of a model image into a pod, and what stands in their way.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { podTemplate } from "../index.ts";
import { configOf, contextOf, templateOf } from "../testing/pod-context.ts";
import { checkSources, ociModels } from "./index.ts";
import { imageVolumeVerdict, type OciMode, ociModeOf } from "./scheme.ts";

const storage = (settings: object) => configOf({ storageInitializer: settings });

describe("the way of an OCI model", () => {
  const table: readonly (readonly [object, string, OciMode | undefined])[] = [
    [{}, "oci://r/m", undefined],
    [{ enableModelcar: true }, "oci://r/m", "modelcar"],
    [{ enableOciModelSupport: true }, "oci://r/m", "modelcar"],
    [{ ociModelMode: "native" }, "oci://r/m", "native"],
    [{ enableModelcar: true }, "oci+native://r/m", "native"],
    [{ ociModelMode: "native" }, "oci+modelcar://r/m", "modelcar"],
    [{ enableModelcar: true }, "oci+fetch://r/m", "fetch"],
    [{ enableModelcar: true }, "s3://b/oci://x", undefined],
  ];
  for (const [settings, uri, mode] of table)
    it(`${uri} with ${JSON.stringify(settings)} is ${mode}`, () =>
      assert.equal(ociModeOf(uri, storage(settings)), mode));
});

describe("image volumes", () => {
  const native = storage({ ociModelMode: "native" });
  for (const [minor, reason] of [
    [30, "ImageVolumeUnsupported"],
    [32, "ImageVolumeSubPathUnsupported"],
    [34, "ImageVolumeAlpha"],
    [35, undefined],
    [undefined, undefined],
  ] as const)
    it(`on 1.${minor}: ${reason ?? "nothing to say"}`, () =>
      assert.equal(imageVolumeVerdict(["oci://r/m"], native, minor)?.reason, reason));
  it("say nothing to other modes and other models", () => {
    assert.equal(imageVolumeVerdict(["oci://r/m"], storage({ enableModelcar: true }), 30), undefined);
    assert.equal(imageVolumeVerdict(["s3://b"], native, 30), undefined);
  });
});

describe("OCI sources side by side", () => {
  const source = (mode: OciMode, path: string) => ({ image: "r/m", mode, path });
  it("are at most ten", () =>
    assert.throws(() => checkSources(Array.from({ length: 11 }, (_, i) => source("native", `/m/${i}`))), {
      message: "too many OCI sources (11); maximum is 10 per pod",
    }));
  it("as image volumes need paths of their own", () => {
    assert.throws(() => checkSources([source("native", "/a/m"), source("native", "/a/m")]), {
      message:
        'OCI mount path "/a/m" is specified more than once; each native ImageVolume must have a unique mount path',
    });
    checkSources([source("native", "/a/m"), source("native", "/a/n")]);
  });
  it("as modelcars need parents of their own, since the parent is what is shared", () => {
    assert.throws(() => checkSources([source("modelcar", "/a/m"), source("modelcar", "/a/n")]), {
      message: /^OCI mount paths "\/a\/m" and "\/a\/n" share parent directory "\/a", which would cause volume mount/,
    });
    checkSources([source("modelcar", "/a/m"), source("modelcar", "/b/m"), source("fetch", "/a/n")]);
  });
});

describe("an OCI model in a pod", () => {
  const built = (settings: object, sourceUri: string, spec = {}) =>
    ociModels(templateOf(spec), contextOf({ config: storage(settings), sourceUri })).spec;
  it("as modelcar shares its processes and stands beside the server as the configured user", () => {
    const spec = built({ enableModelcar: true, uidModelcar: 1010 }, "oci://r/m:1");
    assert.equal(spec.shareProcessNamespace, true);
    assert.deepEqual(
      spec.initContainers?.map(({ name, image }) => `${name} ${image}`),
      ["modelcar-init r/m:1"],
    );
    assert.deepEqual(
      spec.containers.map(({ name }) => name),
      ["kserve-container", "modelcar"],
    );
    assert.deepEqual(
      spec.containers.map(({ securityContext }) => securityContext?.runAsUser),
      [1010, 1010],
    );
    assert.deepEqual(spec.containers[1]?.args, [
      "sh",
      "-c",
      "ln -sf /proc/$$$$/root/models /mnt/models && sleep infinity",
    ]);
    assert.deepEqual(spec.containers[0]?.env, [{ name: "MODEL_INIT_MODE", value: "async" }]);
  });
  it("as modelcar has no user where none is configured", () =>
    assert.equal(built({ enableModelcar: true }, "oci://r/m").containers[1]?.securityContext, undefined));
  it("as one of several modelcars has a number, and its folder is made", () => {
    const predictor = {
      storageUris: [
        { uri: "oci://r/a", mountPath: "/mnt/a/models" },
        { uri: "oci://r/b", mountPath: "/mnt/b/models" },
      ],
    };
    const context = contextOf({ config: storage({ enableModelcar: true }), predictor });
    const { spec } = podTemplate(templateOf(), context);
    assert.deepEqual(
      spec.containers.map(({ name }) => name),
      ["kserve-container", "modelcar", "modelcar-1"],
    );
    assert.deepEqual(
      spec.volumes?.map(({ name }) => name),
      ["kserve-provision-location", "kserve-provision-location-1"],
    );
    assert.equal(
      spec.containers[2]?.args?.[2],
      "mkdir -p /mnt/b && ln -sf /proc/$$$$/root/models /mnt/b/models && sleep infinity",
    );
    assert.equal(
      spec.initContainers?.some(({ name }) => name === "storage-initializer"),
      false,
    );
  });
  it("as image volume is mounted read-only at its models", () => {
    const spec = built({ ociModelMode: "native" }, "oci://r/m:1");
    assert.deepEqual(spec.volumes, [{ name: "mnt-models", image: { reference: "r/m:1", pullPolicy: "IfNotPresent" } }]);
    assert.deepEqual(spec.containers[0]?.volumeMounts, [
      { name: "mnt-models", mountPath: "/mnt/models", subPath: "models", readOnly: true },
    ]);
  });
  it("as image volume gives way to nothing that is mounted there", () =>
    assert.throws(
      () =>
        built({ ociModelMode: "native" }, "oci://r/m", {
          containers: [{ name: "kserve-container", volumeMounts: [{ name: "mine", mountPath: "/mnt/models" }] }],
        }),
      { message: 'mountPath "/mnt/models" already used by volume "mine"' },
    ));
  it("is fetched with the pod's first pull secret, which only its owner may read", () => {
    const spec = built({ ociModelMode: "fetch", ociInsecureRegistry: true }, "oci://r/m:1", {
      imagePullSecrets: [{ name: "p" }, { name: "q" }],
    });
    const [init] = spec.initContainers ?? [];
    assert.deepEqual(init?.args, ["oci://r/m:1", "/mnt/models"]);
    assert.deepEqual(
      init?.env?.map(({ name }) => name),
      ["KSERVE_OCI_DOCKER_CONFIG", "KSERVE_OCI_INSECURE_REGISTRY"],
    );
    assert.deepEqual(spec.volumes?.[1]?.secret, {
      secretName: "p",
      items: [{ key: ".dockerconfigjson", path: "config.json" }],
      defaultMode: 256,
    });
  });
  it("without a container that reads it is refused", () =>
    assert.throws(() => built({ enableModelcar: true }, "oci://r/m", { containers: [{ name: "x" }] }), {
      message: "Invalid configuration: cannot find container: kserve-container",
    }));
  it("never leaves its user to the agent", () => {
    const predictor = { logger: { url: "http://sink" } };
    const context = contextOf({
      config: storage({ enableModelcar: true, uidModelcar: 7 }),
      predictor,
      sourceUri: "oci://r/m",
    });
    const { spec } = podTemplate(templateOf(), context);
    assert.deepEqual(
      spec.containers.map(({ name, securityContext }) => `${name} ${securityContext?.runAsUser}`),
      ["kserve-container 7", "agent undefined", "modelcar 7"],
    );
  });
});
