// SPDX-License-Identifier: Apache-2.0
// Which secret adds what, and what a storage spec makes of its entry.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { EnvVar } from "@serval/api";
import type { Draft } from "../parts.ts";
import { configOf, contextOf, type Known } from "../testing/pod-context.ts";
import { withAccountCredentials } from "./index.ts";
import { withStorageSpec } from "./storage-spec.ts";

const shipped = { s3: { s3AccessKeyIDName: "AWS_ACCESS_KEY_ID", s3SecretAccessKeyName: "AWS_SECRET_ACCESS_KEY" } };
const config = configOf({ credentials: shipped });
const empty: Draft = { container: { name: "storage-initializer" }, volumes: [] };

/** `NAME=value`, `NAME<-secret/key`, `NAME<-secret/key?` when it is optional. */
const shown = (env: readonly EnvVar[] | undefined): string[] =>
  (env ?? []).map(({ name, value, valueFrom }) => {
    const ref = valueFrom?.secretKeyRef;
    return ref === undefined
      ? `${name}=${value}`
      : `${name}<-${ref.name}/${ref.key}${ref.optional === true ? "?" : ""}`;
  });

type Data = Record<string, string>;
const ofSecret = (data: Data, annotations: Data = {}, more: Parameters<typeof contextOf>[0] = {}) => {
  const known: Known = { accounts: { default: { secrets: [{ name: "s" }] } }, secrets: { s: { data, annotations } } };
  return withAccountCredentials(empty, contextOf({ config, known, ...more }));
};

const keys = { AWS_ACCESS_KEY_ID: "k", AWS_SECRET_ACCESS_KEY: "v" };
const keyEnv = ["AWS_ACCESS_KEY_ID<-s/AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY<-s/AWS_SECRET_ACCESS_KEY"];
const note = (name: string, value: string): Data => ({ [`serving.kserve.io/s3-${name}`]: value });

describe("credentials of a service account's secret", () => {
  const table: readonly (readonly [string, Data, Data, string[]])[] = [
    ["S3 keys", keys, {}, keyEnv],
    [
      "S3 with an endpoint",
      keys,
      note("endpoint", "minio:9000"),
      [...keyEnv, "S3_ENDPOINT=minio:9000", "AWS_ENDPOINT_URL=https://minio:9000"],
    ],
    [
      "S3 with an endpoint that says http",
      keys,
      { ...note("endpoint", "http://minio:9000"), ...note("usehttps", "1") },
      [...keyEnv, "S3_USE_HTTPS=0", "S3_ENDPOINT=minio:9000", "AWS_ENDPOINT_URL=http://minio:9000"],
    ],
    [
      "S3 settings of the secret's data, where no annotation says otherwise",
      { ...keys, S3_VERIFY_SSL: "0", AWS_DEFAULT_REGION: "a" },
      note("region", "b"),
      [...keyEnv, "S3_VERIFY_SSL=0", "AWS_DEFAULT_REGION=b"],
    ],
    [
      "S3 with everything",
      keys,
      {
        ...note("verifyssl", "1"),
        ...note("useanoncredential", "true"),
        ...note("usevirtualbucket", "1"),
        ...note("useaccelerate", "1"),
        ...note("cabundle", "/c/x.pem"),
        ...note("cabundle-configmap", "ca"),
      },
      [
        ...keyEnv,
        "S3_VERIFY_SSL=1",
        "awsAnonymousCredential=true",
        "S3_USER_VIRTUAL_BUCKET=1",
        "S3_USE_ACCELERATE=1",
        "AWS_CA_BUNDLE=/c/x.pem",
        "AWS_CA_BUNDLE_CONFIGMAP=ca",
      ],
    ],
    [
      "Google",
      { "gcloud-application-credentials.json": "{}" },
      {},
      ["GOOGLE_APPLICATION_CREDENTIALS=/var/secrets/gcloud-application-credentials.json"],
    ],
    [
      "Azure, older names",
      { AZ_SUBSCRIPTION_ID: "1", AZ_TENANT_ID: "2", AZ_CLIENT_ID: "3", AZ_CLIENT_SECRET: "4" },
      {},
      [
        "AZURE_SUBSCRIPTION_ID<-s/AZ_SUBSCRIPTION_ID",
        "AZURE_TENANT_ID<-s/AZ_TENANT_ID",
        "AZURE_CLIENT_ID<-s/AZ_CLIENT_ID",
        "AZURE_CLIENT_SECRET<-s/AZ_CLIENT_SECRET",
      ],
    ],
    [
      "Azure, a token without tenant",
      { AZURE_ACCESS_TOKEN: "t", AZURE_ACCOUNT_NAME: "a" },
      {},
      [
        "AZURE_TENANT_ID<-s/AZURE_TENANT_ID?",
        "AZURE_ACCESS_TOKEN<-s/AZURE_ACCESS_TOKEN",
        "AZURE_ACCOUNT_NAME<-s/AZURE_ACCOUNT_NAME",
      ],
    ],
    ["Azure, one key", { AZURE_STORAGE_ACCESS_KEY: "k" }, {}, ["AZURE_STORAGE_ACCESS_KEY<-s/AZURE_STORAGE_ACCESS_KEY"]],
    ["headers", { "https-host": "h.example", headers: "a: b" }, {}, ["h.example-headers<-s/headers"]],
    ["HDFS", { HDFS_NAMENODE: "n", HF_TOKEN: "t" }, {}, []],
    ["Hugging Face", { HF_TOKEN: "t" }, {}, ["HF_TOKEN<-s/HF_TOKEN"]],
    ["ModelScope", { MODELSCOPE_API_TOKEN: "t" }, {}, ["MODELSCOPE_API_TOKEN<-s/MODELSCOPE_API_TOKEN"]],
    ["something else", { token: "t" }, {}, []],
  ];
  for (const [name, data, annotations, env] of table)
    it(name, () => assert.deepEqual(shown(ofSecret(data, annotations).container.env), env));

  for (const [name, data, mount] of [
    ["Google", { "gcloud-application-credentials.json": "{}" }, "/var/secrets/"],
    ["HDFS", { HDFS_NAMENODE: "n" }, "/var/secrets/kserve-hdfscreds"],
  ] as const)
    it(`${name} mounts its secret`, () => {
      const { container, volumes } = ofSecret(data);
      assert.equal(container.volumeMounts?.[0]?.mountPath, mount);
      assert.equal(volumes[0]?.secret?.secretName, "s");
    });

  it("never shows a secret's text in the pod", () => {
    const all = [keys, { "https-host": "h", headers: "Bearer topsecret" }, { HF_TOKEN: "topsecret" }];
    for (const data of all) assert.doesNotMatch(JSON.stringify(ofSecret(data)), /topsecret/);
  });
  it("takes the annotated secret instead of the listed ones", () => {
    const known: Known = {
      accounts: { default: { secrets: [{ name: "s" }] } },
      secrets: { s: { data: keys }, t: { data: { HF_TOKEN: "t" } } },
    };
    const metadata = { annotations: { "serving.kserve.io/storageSecretName": "t" } };
    const { container } = withAccountCredentials(empty, contextOf({ config, known, metadata }));
    assert.deepEqual(shown(container.env), ["HF_TOKEN<-t/HF_TOKEN"]);
  });
  it("has no credentials without a service account", () =>
    assert.deepEqual(withAccountCredentials(empty, contextOf({ config })), empty));
  it("says which listed secret is missing", () => {
    const known: Known = { accounts: { default: { secrets: [{ name: "gone" }] } } };
    assert.throws(() => withAccountCredentials(empty, contextOf({ config, known })), {
      message: 'secrets "gone" not found',
      transient: true,
    });
  });
  it("gives a role's account its S3 settings and no keys", () => {
    const annotations = { "eks.amazonaws.com/role-arn": "arn:x", ...note("region", "eu") };
    const known: Known = { accounts: { irsa: { metadata: { name: "irsa", annotations } } } };
    const predictor = { serviceAccountName: "irsa" };
    const { container } = withAccountCredentials(empty, contextOf({ config, known, predictor }));
    assert.deepEqual(shown(container.env), ["AWS_DEFAULT_REGION=eu"]);
  });
});

describe("a storage spec", () => {
  const entries: Data = {
    minio: '{"type":"s3","bucket":"mlp","cabundle_configmap":"ca"}',
    plain: '{"type":"s3"}',
    hd: '{"type":"hdfs"}',
    odd: '{"type":"ftp"}',
    untyped: "{}",
    broken: "{",
    default_s3: '{"type":"s3","bucket":"d"}',
  };
  const known: Known = { secrets: { "storage-config": { data: entries } } };
  const apply = (spec: Parameters<typeof withStorageSpec>[1], uri = "<scheme-placeholder>://a/b") => {
    const draft: Draft = { container: { name: "storage-initializer", args: [uri, "/mnt/models"] }, volumes: [] };
    return withStorageSpec(draft, spec, contextOf({ config, known })).container;
  };
  const made: readonly (readonly [Parameters<typeof withStorageSpec>[1], string, string[]])[] = [
    [{ key: "minio" }, "s3://mlp/a/b", ["AWS_CA_BUNDLE_CONFIGMAP=ca", "STORAGE_CONFIG<-storage-config/minio"]],
    [{ key: "hd" }, "hdfs://a/b", ["STORAGE_CONFIG<-storage-config/hd"]],
    [
      { key: "minio", parameters: { bucket: "own", a: "1" } },
      "s3://own/a/b",
      [
        "AWS_CA_BUNDLE_CONFIGMAP=ca",
        "STORAGE_CONFIG<-storage-config/minio",
        'STORAGE_OVERRIDE_CONFIG={"a":"1","bucket":"own"}',
      ],
    ],
    [
      { parameters: { type: "s3" } },
      "s3://d/a/b",
      ["STORAGE_CONFIG<-storage-config/default_s3", 'STORAGE_OVERRIDE_CONFIG={"type":"s3"}'],
    ],
    [{ parameters: { type: "webhdfs" } }, "webhdfs://a/b", ['STORAGE_OVERRIDE_CONFIG={"type":"webhdfs"}']],
  ];
  for (const [spec, uri, env] of made)
    it(`${JSON.stringify(spec)} -> ${uri}`, () => {
      const container = apply(spec);
      assert.equal(container.args?.[0], uri);
      assert.deepEqual(shown(container.env), env);
    });
  it("leaves a storageUri as it is", () => assert.equal(apply({ key: "minio" }, "s3://x/y").args?.[0], "s3://x/y"));

  const refused: readonly (readonly [Parameters<typeof withStorageSpec>[1], RegExp])[] = [
    [{ key: "nope" }, /^specified storage key nope not found in storage secret storage-config$/],
    [{ key: "plain" }, /^format \[s3\] requires a bucket but one wasn't found in storage data or parameters$/],
    [{ key: "odd" }, /^storage type must be one of \[s3, hdfs, webhdfs\]\. storage type \[ftp\] is not supported$/],
    [{ key: "untyped" }, /^unable to determine storage type$/],
    [{ key: "broken" }, /^invalid json encountered in key broken of storage secret storage-config: /],
    [{}, /^unable to determine storage type$/],
  ];
  for (const [spec, message] of refused)
    it(`${JSON.stringify(spec)} is refused`, () => assert.throws(() => apply(spec), { message }));
  it("needs its secret only when it names a key", () => {
    const draft: Draft = { container: { name: "x", args: ["<scheme-placeholder>://a"] }, volumes: [] };
    const context = contextOf({ config });
    assert.throws(() => withStorageSpec(draft, { key: "k" }, context), {
      message: 'can\'t read storage secret storage-config: secrets "storage-config" not found',
    });
    const parameters = { type: "hdfs" };
    assert.equal(withStorageSpec(draft, { parameters }, context).container.args?.[0], "hdfs://a");
  });
});
