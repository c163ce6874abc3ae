// SPDX-License-Identifier: Apache-2.0
// Models from one place: which container fetches them, what the pod gets, and what is refused.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { configOf, contextOf, storageContainer, templateOf } from "../testing/pod-context.ts";
import { storageInitializerUser } from "./istio.ts";
import { cachedUri, storageKeyOf } from "./local-model.ts";
import { sourceOf, storageNotes } from "./source.ts";
import { fittingContainer, namedContainer } from "./storage-container.ts";
import { storageUri } from "./storage-uri.ts";

const containers = [
  storageContainer("broken", { supportedUriFormats: [{ regex: "(" }] }),
  storageContainer("job", { supportedUriFormats: [{ prefix: "s3://" }], workloadType: "localModelDownloadJob" }),
  storageContainer("off", { supportedUriFormats: [{ prefix: "s3://" }] }, true),
  storageContainer("s3", { supportedUriFormats: [{ prefix: "s3://" }] }),
  storageContainer("web", { supportedUriFormats: [{ prefix: "", regex: "https?://(.+)/(.+)" }] }),
  storageContainer("both", { supportedUriFormats: [{ prefix: "x://", regex: "y://" }] }),
];

describe("the fitting ClusterStorageContainer", () => {
  const table: readonly (readonly [string, string | undefined])[] = [
    ["s3://b/m", "s3"],
    ["https://h/m", "web"],
    ["x://m", "both"],
    ["y://m", undefined],
    ["gs://b/m", undefined],
  ];
  for (const [uri, name] of table)
    it(`of ${uri} is ${name ?? "the built-in one"}`, () =>
      assert.equal(fittingContainer(uri, containers)?.metadata.name, name));
});

describe("a named ClusterStorageContainer", () => {
  const refused: readonly (readonly [string, string, RegExp])[] = [
    ["none", "s3://b", /^ClusterStorageContainer "none" not found$/],
    ["off", "s3://b", /^ClusterStorageContainer "off" is disabled$/],
    ["job", "s3://b", /has workloadType "localModelDownloadJob"; explicit selection requires "initContainer"$/],
    ["broken", "s3://b", /^ClusterStorageContainer "broken" URI check failed for "s3:\/\/b": /],
    ["web", "s3://b", /^ClusterStorageContainer "web" does not support storageUri "s3:\/\/b"$/],
  ];
  for (const [name, uri, message] of refused)
    it(`${name} is refused for ${uri}`, () => assert.throws(() => namedContainer(name, uri, containers), { message }));
  it("is taken when it supports the URI", () =>
    assert.equal(namedContainer("s3", "s3://b", containers).metadata.name, "s3"));
});

describe("where a model comes from", () => {
  const model = (fields: object) => ({ model: { modelFormat: { name: "sklearn" }, ...fields } });
  const found: readonly (readonly [object, string | undefined])[] = [
    [model({ storageUri: "gs://b/m" }), "gs://b/m"],
    [model({ storageUri: "./local" }), "./local"],
    [model({ storageUri: "oci+modelcar://r/m" }), "oci+modelcar://r/m"],
    [model({ storage: { path: "/a/b" } }), "<scheme-placeholder>://a/b"],
    [model({ storage: { key: "k" } }), undefined],
    [model({ storageUri: "x://m" }), "x://m"],
    [{ containers: [{ name: "kserve-container", env: [{ name: "STORAGE_URI", value: "s3://b" }] }] }, "s3://b"],
    [model({}), undefined],
  ];
  for (const [component, uri] of found)
    it(`${JSON.stringify(component)} -> ${uri}`, () => assert.equal(sourceOf("predictor", component, containers), uri));
  it("cannot be a scheme that nobody fetches", () =>
    assert.throws(() => sourceOf("predictor", model({ storageUri: "abc://m" }), containers), {
      message: /^StorageURI not supported: storageUri, must be one of: .* StorageURI \[abc:\/\/m\] is not supported$/,
    }));
  it("cannot be two places", () =>
    assert.throws(() => sourceOf("predictor", model({ storageUri: "s3://b", storage: { path: "x" } }), []), {
      message: "must provide only one of storageUri and storage.path",
    }));
  it("is told to the objects, maps sorted as Go writes them", () =>
    assert.deepEqual(
      storageNotes("predictor", model({ storage: { key: "k", parameters: { type: "s3", bucket: "b" } } }), "u"),
      {
        "internal.serving.kserve.io/storage-initializer-sourceuri": "u",
        "internal.serving.kserve.io/storage-spec": "true",
        "internal.serving.kserve.io/storage-spec-param": '{"bucket":"b","type":"s3"}',
        "internal.serving.kserve.io/storage-spec-key": "k",
      },
    ));
});

describe("a model from one place", () => {
  const initializerOf = (input: Parameters<typeof contextOf>[0]) => {
    const { spec } = storageUri(templateOf(), contextOf({ sourceUri: "s3://b/m", ...input }));
    return { spec, init: spec.initContainers?.[0] };
  };
  it("is fetched by the built-in container with KServe's settings", () => {
    const { init, spec } = initializerOf({});
    assert.deepEqual(init?.args, ["s3://b/m", "/mnt/models"]);
    assert.equal(init?.image, "kserve/storage-initializer:latest");
    assert.equal(init?.imagePullPolicy, undefined);
    assert.deepEqual(spec.volumes, [{ name: "kserve-provision-location", emptyDir: {} }]);
    assert.equal(spec.containers[0]?.volumeMounts?.[0]?.readOnly, true);
  });
  it("is fetched by the overlay of the container that fits, which keeps its name", () => {
    const over = storageContainer("s3", {
      container: { name: "mine", image: "e/mine:1", env: [{ name: "HF_HUB_ENABLE_HF_TRANSFER", value: "0" }] },
      supportedUriFormats: [{ prefix: "s3://" }],
    });
    const { init } = initializerOf({ known: { storageContainers: [over] } });
    assert.deepEqual([init?.name, init?.image], ["storage-initializer", "e/mine:1"]);
    assert.deepEqual(
      init?.env?.map(({ name, value }) => `${name}=${value}`),
      ["HF_HUB_ENABLE_HF_TRANSFER=0", "HF_XET_HIGH_PERFORMANCE=1", "HF_XET_NUM_CONCURRENT_RANGE_GETS=8"],
    );
  });
  it("is fetched with the resources of the service's annotations, whatever the overlay says", () => {
    const over = storageContainer("s3", {
      container: { name: "x", resources: { limits: { cpu: "1", memory: "1Gi" } } },
      supportedUriFormats: [{ prefix: "s3://" }],
    });
    const { init } = initializerOf({
      known: { storageContainers: [over] },
      metadata: { annotations: { "serving.kserve.io/storage-initializer-memory": "4Gi" } },
    });
    assert.deepEqual(init?.resources, {
      limits: { cpu: "1", memory: "4Gi" },
      requests: { cpu: "100m", memory: "4Gi" },
    });
  });
  it("is writable only when the annotation says exactly false", () => {
    for (const [value, readOnly] of [
      ["false", false],
      ["False", true],
      ["true", true],
    ] as const) {
      const metadata = { annotations: { "storage.kserve.io/readonly": value } };
      assert.equal(initializerOf({ metadata }).spec.containers[0]?.volumeMounts?.[0]?.readOnly, readOnly);
    }
  });
  it("is mounted from a claim without an init container, for a collocated transformer too", () => {
    const pair = [{ name: "kserve-container" }, { name: "transformer-container" }, { name: "other" }];
    const { spec } = storageUri(templateOf({ containers: pair }), contextOf({ sourceUri: "pvc://c/a/b" }));
    const mount = { name: "kserve-pvc-source", mountPath: "/mnt/models", readOnly: true, subPath: "a/b" };
    assert.deepEqual(
      spec.containers.map(({ volumeMounts }) => volumeMounts),
      [[mount], [mount], undefined],
    );
    assert.equal(spec.initContainers, undefined);
  });
  it("shows its local path to a container that names its source", () => {
    const containers = [{ name: "kserve-container", env: [{ name: "STORAGE_URI", value: "s3://b/m" }] }];
    const { spec } = storageUri(templateOf({ containers }), contextOf({ sourceUri: "s3://b/m" }));
    assert.deepEqual(spec.containers[0]?.env, [{ name: "STORAGE_URI", value: "/mnt/models" }]);
  });
  it("needs a container that reads it", () =>
    assert.throws(() => storageUri(templateOf({ containers: [{ name: "x" }] }), contextOf({ sourceUri: "s3://b" })), {
      message: "Invalid configuration: cannot find container",
    }));
  it("is fetched with the CA bundle of the configuration", () => {
    const { init, spec } = initializerOf({ config: configOf({ storageInitializer: { caBundleConfigMapName: "ca" } }) });
    assert.deepEqual(spec.volumes?.at(-1), { name: "cabundle-cert", configMap: { name: "global-ca-bundle" } });
    assert.deepEqual(init?.volumeMounts?.at(-1), {
      name: "cabundle-cert",
      mountPath: "/etc/ssl/custom-certs",
      readOnly: true,
    });
  });
});

describe("a model that the nodes hold", () => {
  const notes = {
    "internal.serving.kserve.io/localmodel-sourceuri": "s3://b/m",
    "internal.serving.kserve.io/localmodel-pvc-name": "cache-gpu",
  };
  const labels = { "internal.serving.kserve.io/localmodel": "cache" };
  const service = (annotations: Record<string, string>, more = labels) =>
    contextOf({ metadata: { labels: more, annotations } }).isvc;
  const folder = storageKeyOf("s3://b/m");
  it("has a folder of 16 hexadecimal digits", () => assert.match(folder, /^[0-9a-f]{16}$/));
  for (const [uri, path] of [
    ["s3://b/m", "/"],
    ["s3://b/m/sub", "/sub"],
    ["s3://b/m2", "/2"],
  ] as const)
    it(`${uri} is mounted at ${path}`, () =>
      assert.equal(cachedUri(uri, service(notes)), `pvc://cache-gpu/models/${folder}${path}`));
  it("stays where it is without the label", () =>
    assert.equal(cachedUri("s3://b/m", contextOf({ metadata: { annotations: notes } }).isvc), "s3://b/m"));
  it("needs its claim's name", () =>
    assert.throws(() => cachedUri("s3://b/m", service({})), {
      message: "Annotation internal.serving.kserve.io/localmodel-pvc-name not found",
    }));
});

describe("the user of the storage initializer", () => {
  const redirect = {
    "sidecar.istio.io/interceptionMode": "REDIRECT",
    "sidecar.istio.io/status": '{"containers":["istio-proxy"]}',
  };
  const table: readonly (readonly [string, Record<string, string>, string[], number | undefined])[] = [
    ["nobody asks", {}, [], undefined],
    ["the annotation", { "serving.kserve.io/storage-initializer-uid": "42" }, [], 42],
    [
      "an annotation that is no number",
      { "serving.kserve.io/storage-initializer-uid": "x", ...redirect },
      [],
      undefined,
    ],
    ["Istio's CNI", redirect, [], 1337],
    ["Istio without CNI", redirect, ["istio-init"], undefined],
    ["another interception", { ...redirect, "sidecar.istio.io/interceptionMode": "TPROXY" }, [], undefined],
    ["a status that is no JSON", { ...redirect, "sidecar.istio.io/status": "{" }, [], undefined],
  ];
  for (const [name, notes, more, user] of table)
    it(`is ${user} for ${name}`, () => {
      const initContainers = [...more, "storage-initializer"].map((each) => ({ name: each }));
      const { spec } = storageInitializerUser(templateOf({ initContainers }, notes), contextOf());
      assert.equal(spec.initContainers?.at(-1)?.securityContext?.runAsUser, user);
    });
  it("is the sidecar's own where the pod shows it", () => {
    const containers = [{ name: "istio-proxy", securityContext: { runAsUser: 7 } }];
    const template = templateOf({ containers, initContainers: [{ name: "storage-initializer" }] }, redirect);
    const { spec } = storageInitializerUser(template, contextOf());
    assert.equal(spec.initContainers?.[0]?.securityContext?.runAsUser, 7);
  });
});
