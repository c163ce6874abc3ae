// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type AnyObject, defaultConfig, inferenceServices } from "@serval/api";
import type { AdmissionRequest } from "@serval/kube";
import { createAdmissionState } from "../admission-state.ts";
import { type AccessReview, referenceChecks } from "./access.ts";
import { newReferences, referencesOf } from "./references.ts";

const config = defaultConfig();
const make = (spec: object, annotations?: Record<string, string>, kind = "InferenceService"): AnyObject => ({
  apiVersion: "serving.kserve.io/v1beta1",
  kind,
  metadata: { name: "a", namespace: "ns", ...(annotations === undefined ? {} : { annotations }) },
  spec,
});

/** `Kind namespace/name path` */
const found = (object: AnyObject): string[] =>
  referencesOf(object, config).map(({ kind, namespace, name, path }) => `${kind} ${namespace}/${name} ${path}`);

const rows: readonly (readonly [string, AnyObject, readonly string[]])[] = [
  ["nothing", make({ predictor: { model: { storageUri: "gs://x" } } }), []],
  ["no spec", { ...make({}), spec: undefined } as AnyObject, []],
  ["the account that every pod has", make({ predictor: { serviceAccountName: "default" } }), []],
  [
    "an account",
    make({ predictor: { serviceAccountName: "sa" } }),
    ["ServiceAccount ns/sa spec.predictor.serviceAccountName"],
  ],
  [
    "variables",
    make({
      predictor: {
        containers: [
          {
            env: [
              { valueFrom: { secretKeyRef: { name: "s", key: "k" } } },
              { valueFrom: { configMapKeyRef: { name: "c", key: "k" } } },
            ],
          },
        ],
      },
    }),
    [
      "Secret ns/s spec.predictor.containers[0].env[0].valueFrom.secretKeyRef.name",
      "ConfigMap ns/c spec.predictor.containers[0].env[1].valueFrom.configMapKeyRef.name",
    ],
  ],
  [
    "volumes",
    make({
      predictor: {
        volumes: [
          { name: "v", secret: { secretName: "s" } },
          { name: "w", configMap: { name: "c" } },
          { name: "x", projected: { sources: [{ secret: { name: "p" } }] } },
          { name: "y", csi: { nodePublishSecretRef: { name: "n" } } },
          { name: "z", azureFile: { secretName: "f" } },
        ],
      },
    }),
    [
      "Secret ns/s spec.predictor.volumes[0].secret.secretName",
      "ConfigMap ns/c spec.predictor.volumes[1].configMap.name",
      "Secret ns/p spec.predictor.volumes[2].projected.sources[0].secret.name",
      "Secret ns/n spec.predictor.volumes[3].csi.nodePublishSecretRef.name",
      "Secret ns/f spec.predictor.volumes[4].azureFile.secretName",
    ],
  ],
  [
    "pull secrets",
    make({ transformer: { imagePullSecrets: [{ name: "r" }] } }),
    ["Secret ns/r spec.transformer.imagePullSecrets[0].name"],
  ],
  [
    "an account of the logger",
    make({ predictor: { logger: { storage: { serviceAccountName: "l" } } } }),
    ["ServiceAccount ns/l spec.predictor.logger.storage.serviceAccountName"],
  ],
  [
    "a canary",
    make({ canary: [{ predictor: { serviceAccountName: "c" } }] }),
    ["ServiceAccount ns/c spec.canary[0].predictor.serviceAccountName"],
  ],
  ["labels that are called like one", make({ predictor: { labels: { secret: "x", configMap: "y" } } }), []],
  [
    "an annotation",
    make({ predictor: {} }, { "serving.kserve.io/storageSecretName": "s" }),
    ["Secret ns/s metadata.annotations[serving.kserve.io/storageSecretName]"],
  ],
  [
    "the same twice",
    make({ predictor: { serviceAccountName: "x" }, transformer: { serviceAccountName: "x" } }),
    ["ServiceAccount ns/x spec.predictor.serviceAccountName"],
  ],
  [
    "a cluster's cache",
    { ...make({ serviceAccountName: "d" }, undefined, "LocalModelCache"), metadata: { name: "c" } },
    ["ServiceAccount kserve-localmodel-jobs/d spec.serviceAccountName"],
  ],
];

describe("referencesOf()", () => {
  for (const [name, object, wanted] of rows) it(`finds ${name}`, () => assert.deepEqual(found(object), wanted));
  it("leaves out what the object named before, wherever", () => {
    const before = make({ predictor: { serviceAccountName: "x" } });
    const after = make({
      predictor: {},
      transformer: { serviceAccountName: "x" },
      explainer: { serviceAccountName: "y" },
    });
    assert.deepEqual(
      newReferences(after, before, config).map(({ name }) => name),
      ["y"],
    );
  });
});

describe("referenceChecks()", () => {
  const request = (user: string, groups: string[] = []): AdmissionRequest => ({
    operation: "CREATE",
    resource: inferenceServices,
    namespace: "ns",
    name: "a",
    object: make({ predictor: { serviceAccountName: "sa" } }),
    user: { username: user, groups },
    dryRun: false,
  });
  const check = (review: AccessReview, mode?: "enforce" | "warn" | "off") => {
    const settings = { ...config, serval: mode === undefined ? {} : { referenceChecks: mode } };
    return referenceChecks(createAdmissionState(settings), review);
  };
  const fails: AccessReview = async () => {
    throw new Error("the API server is away");
  };

  it("refuses when it cannot be known, and says so", async () => {
    const { denied } = await check(fails).admit(request("jane"));
    assert.equal(denied?.code, 500);
    assert.match(
      denied?.message ?? "",
      /^cannot find out whether user "jane" may use ServiceAccount "sa": the API server is away\n {2}SV1028 spec\.predictor/,
    );
  });
  it("warns when it cannot be known and only warnings are asked for", async () => {
    const { denied, warnings } = await check(fails, "warn").admit(request("jane"));
    assert.equal(denied, undefined);
    assert.match(warnings?.[0] ?? "", /cannot find out/);
  });
  it("asks nothing when it is off, nor about administrators", async () => {
    assert.deepEqual(await check(fails, "off").admit(request("jane")), {});
    assert.deepEqual(await check(fails).admit(request("admin", ["system:masters"])), {});
  });
  it("asks for pods first, and for nothing more when they may be created", async () => {
    const asked: string[] = [];
    const review: AccessReview = async ({ verb, resource, subresource }) => {
      asked.push([verb, resource, subresource].filter((part) => part !== undefined).join(" "));
      return asked.length > 1 && resource === "pods";
    };
    assert.ok((await check(review).admit(request("jane"))).denied !== undefined);
    assert.deepEqual(asked, ["create pods", "impersonate serviceaccounts", "create serviceaccounts token"]);
    asked.length = 0;
    assert.equal(
      (await check(async (question) => question.resource === "pods").admit(request("jane"))).denied,
      undefined,
    );
  });
});
