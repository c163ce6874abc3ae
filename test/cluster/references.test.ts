// SPDX-License-Identifier: Apache-2.0
// Who may not read a Secret or use a ServiceAccount cannot have an object of ours use it: users with different rights
// on a real kube-apiserver with RBAC, through the operator's webhooks.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import {
  type AnyObject,
  configMapName,
  inferenceServices,
  llmInferenceServices,
  localModelNamespaceCaches,
  localModelNodeGroups,
  type ResourceType,
  resourcePath,
  resources,
  servingRuntimes,
} from "@serval/api";
import { ApiError, type Cluster, createCluster, remoteTransport } from "@serval/kube";
import { findAssets } from "./kube-apiserver.ts";
import { type RunningOperator, runOperator, startWebhookHome, until, type WebhookHome } from "./webhook-home.ts";

const assets = await findAssets();
const skip = assets.startsWith("skip:") ? { skip: assets.slice(6) } : {};
const namespace = "default";

const rbac = (kind: string, plural: string): ResourceType<AnyObject> => ({
  group: "rbac.authorization.k8s.io",
  version: "v1",
  kind,
  plural,
  namespaced: true,
});

type Rule = { apiGroups: string[]; resources: string[]; verbs: string[]; resourceNames?: string[] };
const rule = (resource: string, verb: string, name?: string): Rule => ({
  apiGroups: [""],
  resources: [resource],
  verbs: [verb],
  ...(name === undefined ? {} : { resourceNames: [name] }),
});

/** Everybody may write objects of ours; what else they may do. */
const users: Readonly<Record<string, readonly Rule[]>> = {
  modeler: [],
  reader: [rule("secrets", "get", "keys"), rule("configmaps", "get", "settings")],
  podmaker: [rule("pods", "create")],
  actor: [rule("serviceaccounts", "impersonate", "robot")],
  issuer: [rule("serviceaccounts/token", "create", "robot")],
};

const make = (type: ResourceType<AnyObject>, name: string, spec: object): AnyObject => ({
  apiVersion: `${type.group}/${type.version}`,
  kind: type.kind,
  metadata: { name, namespace },
  spec,
});
const any = (type: unknown): ResourceType<AnyObject> => type as ResourceType<AnyObject>;
const model = { modelFormat: { name: "sklearn" }, storageUri: "gs://bucket/model" };
const secretEnv = [{ name: "TOKEN", valueFrom: { secretKeyRef: { name: "keys", key: "token" } } }];
const service = (name: string, predictor: object): AnyObject =>
  make(any(inferenceServices), name, { predictor: { model, ...predictor } });
const withSecret = service("secret", { model: { ...model, env: secretEnv } });
const withConfigMap = service("settings", { volumes: [{ name: "v", configMap: { name: "settings" } }] });
const withAccount = service("account", { serviceAccountName: "robot" });

interface Case {
  readonly user: string;
  readonly object: AnyObject;
  /** What a refusal says; undefined: accepted. */
  readonly refused?: RegExp;
}

const may = (user: string, kind: string, name: string): RegExp =>
  new RegExp(`user "${user}" may not use ${kind} "${name}" of namespace "default"\\n +SV1027 spec\\.`);

const cases: readonly Case[] = [
  { user: "modeler", object: service("plain", {}) },
  { user: "modeler", object: service("standard", { serviceAccountName: "default" }) },
  { user: "modeler", object: withSecret, refused: may("modeler", "Secret", "keys") },
  { user: "modeler", object: withConfigMap, refused: may("modeler", "ConfigMap", "settings") },
  { user: "modeler", object: withAccount, refused: may("modeler", "ServiceAccount", "robot") },
  { user: "reader", object: withSecret },
  { user: "reader", object: withConfigMap },
  { user: "reader", object: withAccount, refused: /Grant the user impersonate serviceaccounts or create/ },
  { user: "podmaker", object: withSecret },
  { user: "podmaker", object: withConfigMap },
  { user: "podmaker", object: withAccount },
  { user: "actor", object: withAccount },
  { user: "actor", object: withSecret, refused: may("actor", "Secret", "keys") },
  { user: "issuer", object: withAccount },
  {
    user: "modeler",
    object: make(any(servingRuntimes), "lender", {
      containers: [{ name: "kserve-container", image: "example/image", envFrom: [{ secretRef: { name: "keys" } }] }],
      supportedModelFormats: [{ name: "sklearn" }],
    }),
    refused: /SV1027 spec\.containers\[0\]\.envFrom\[0\]\.secretRef\.name/,
  },
  {
    user: "modeler",
    object: make(any(llmInferenceServices), "llm", {
      model: { uri: "hf://org/model" },
      template: { containers: [{ name: "main", env: secretEnv }] },
    }),
    refused: /SV1027 spec\.template\.containers\[0\]\.env\[0\]\.valueFrom\.secretKeyRef\.name/,
  },
  {
    user: "modeler",
    object: make(any(localModelNamespaceCaches), "cache", {
      sourceModelUri: "hf://org/model",
      modelSize: "1Gi",
      nodeGroups: ["group"],
      serviceAccountName: "robot",
    }),
    refused: /SV1027 spec\.serviceAccountName/,
  },
];

/** The same server as another user: RBAC judges the user, an administrator's certificate only lets it say who. */
function impersonating(home: WebhookHome, user: string): Cluster {
  return createCluster(remoteTransport(home.server.access, { headers: { "impersonate-user": user } }), user);
}

describe("references on a real kube-apiserver with RBAC", skip, () => {
  let home: WebhookHome;
  let operator: RunningOperator;
  const clients = new Map<string, Cluster>();

  before(async () => {
    home = await startWebhookHome(assets);
    operator = await runOperator(home.server, home.port);
    const { cluster } = home.server;
    await cluster.create(any(localModelNodeGroups), {
      ...make(any(localModelNodeGroups), "group", {
        storageLimit: "1Gi",
        persistentVolumeSpec: {},
        persistentVolumeClaimSpec: {},
      }),
      metadata: { name: "group" },
    });
    for (const [user, rules] of Object.entries(users)) {
      const ours = { apiGroups: ["serving.kserve.io"], resources: ["*"], verbs: ["*"] };
      const metadata = { name: user, namespace };
      const apiVersion = "rbac.authorization.k8s.io/v1";
      await cluster.create(rbac("Role", "roles"), { apiVersion, kind: "Role", metadata, rules: [ours, ...rules] });
      await cluster.create(rbac("RoleBinding", "rolebindings"), {
        apiVersion,
        kind: "RoleBinding",
        metadata,
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: user },
        subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: user }],
      });
      clients.set(user, impersonating(home, user));
    }
  });
  after(async () => {
    for (const client of clients.values()) await client[Symbol.asyncDispose]();
    await operator?.stop();
    await home?.server.close();
  });

  const typeOf = ({ kind }: AnyObject): ResourceType<AnyObject> =>
    any(
      [inferenceServices, servingRuntimes, llmInferenceServices, localModelNamespaceCaches].find(
        (type) => type.kind === kind,
      ),
    );
  const as = (user: string): Cluster => clients.get(user) as Cluster;

  for (const { user, object, refused } of cases)
    it(`${refused === undefined ? "lets" : "keeps"} ${user} ${refused === undefined ? "have" : "from"} ${object.kind} ${object.metadata.name}`, async () => {
      const create = () => as(user).create(typeOf(object), object, { dryRun: true });
      if (refused === undefined) await create();
      else await assert.rejects(create, refused);
    });

  it("asks only about what an update names newly", async () => {
    const key = { namespace, name: "shared" };
    const given = service("shared", { model: { ...model, env: secretEnv } });
    await home.server.cluster.create(any(inferenceServices), given);
    const merge = (body: object) => as("modeler").patch(any(inferenceServices), key, { type: "merge", body });
    await merge({ metadata: { labels: { a: "b" } }, spec: { predictor: { minReplicas: 1 } } });
    await assert.rejects(
      merge({ spec: { predictor: { serviceAccountName: "robot" } } }),
      may("modeler", "ServiceAccount", "robot"),
    );
  });

  it("says who, what, where and how in the causes", async () => {
    const error = await as("modeler")
      .create(any(inferenceServices), withSecret)
      .catch((thrown: unknown) => thrown);
    assert.ok(error instanceof ApiError);
    assert.equal(error.code, 403);
    assert.deepEqual(
      error.status.details?.causes?.map(({ field, reason }) => [field, reason]),
      [["spec.predictor.model.env[0].valueFrom.secretKeyRef.name", "SV1027"]],
    );
  });

  it("warns, or says nothing, when the ConfigMap says so", async () => {
    const path = resourcePath(resources.configMaps, { namespace: "kserve" });
    const at = `${path}/${configMapName}`;
    const { transport } = home.server.cluster;
    const configured = (mode: string) => ({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: configMapName, namespace: "kserve" },
      data: { serval: JSON.stringify({ referenceChecks: mode }) },
    });
    const answer = () =>
      as("modeler").transport.send({
        method: "POST",
        path: resourcePath(any(inferenceServices), { namespace }),
        query: { dryRun: "All" },
        body: withSecret,
      });
    await transport.send({ method: "POST", path, body: configured("warn") });
    const warned = await until("a warning", async () => {
      const { status, warnings = [] } = await answer();
      return status === 201 ? warnings : undefined;
    });
    assert.match(warned.join("\n"), /user "modeler" may not use Secret "keys"/);
    await transport.send({ method: "PUT", path: at, body: configured("off") });
    await until("silence", async () => {
      const { status, warnings = [] } = await answer();
      return (status === 201 && !warnings.join().includes("may not use")) || undefined;
    });
    await transport.send({ method: "DELETE", path: at });
    await until("enforcement", async () => (await answer()).status === 403 || undefined);
  });
});
