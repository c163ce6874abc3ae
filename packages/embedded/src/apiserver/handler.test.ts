// SPDX-License-Identifier: Apache-2.0
// Kubernetes' API semantics, in process.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AnyObject, Status } from "@serval/api";
import type { AdmissionPlugin, ApiRequest } from "@serval/kube";
import { configMap, configMaps, pod, pods, testServer, widget, widgets } from "./testing/servers.ts";

type List = {
  items: AnyObject[];
  metadata: { resourceVersion: string; continue?: string; remainingItemCount?: number };
};
const namesOf = ({ items }: List): string[] => items.map(({ metadata }) => metadata.name as string);
const merge = "application/merge-patch+json";

describe("create", () => {
  it("sets what only the server sets, and defaults, and generation", async () => {
    const server = await testServer();
    const created = await server.ok("POST", widgets, { body: widget("a") });
    assert.equal(created.metadata.generation, 1);
    assert.equal(created.metadata.namespace, "default");
    assert.equal(created.metadata.creationTimestamp, "2026-01-01T00:00:00Z");
    assert.match(created.metadata.uid ?? "", /^0000/);
    assert.deepEqual(created["spec"], { size: 1, color: "red" });
    assert.equal(created.metadata.managedFields?.[0]?.manager, "test");
  });

  it("makes names from generateName", async () => {
    const server = await testServer();
    const created = await server.ok("POST", configMaps, {
      body: { apiVersion: "v1", kind: "ConfigMap", metadata: { generateName: "cm-" } },
    });
    assert.match(created.metadata.name ?? "", /^cm-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
  });

  const refusals: {
    name: string;
    path?: string;
    body: unknown;
    code: number;
    message: RegExp;
    query?: Record<string, string>;
  }[] = [
    { name: "an existing name", body: configMap("kept"), code: 409, message: /^configmaps "kept" already exists$/ },
    {
      name: "an unknown namespace",
      path: "/api/v1/namespaces/nowhere/configmaps",
      body: configMap("a"),
      code: 404,
      message: /^namespaces "nowhere" not found$/,
    },
    {
      name: "another namespace",
      body: { ...configMap("a"), metadata: { name: "a", namespace: "kserve" } },
      code: 400,
      message: /^the namespace of the provided object does not match/,
    },
    {
      name: "a bad name",
      body: configMap("Not_A_Name"),
      code: 422,
      message:
        /^ConfigMap "Not_A_Name" is invalid: metadata.name: Invalid value: "Not_A_Name": a lowercase RFC 1123 subdomain must/,
    },
    {
      name: "no name",
      body: configMap(""),
      code: 422,
      message: /metadata.name: Required value: name or generateName is required$/,
    },
    {
      name: "a resourceVersion",
      body: { ...configMap("a"), metadata: { name: "a", resourceVersion: "1" } },
      code: 400,
      message: /^resourceVersion should not be set/,
    },
    { name: "another kind", body: pod("a"), code: 400, message: /the kind in the data \(Pod\) does not match/ },
    {
      name: "another version",
      body: { ...configMap("a"), apiVersion: "v2" },
      code: 400,
      message: /^the API version in the data \(v2\) does not match the expected API version \(v1\)$/,
    },
    { name: "a body that is no object", body: [1], code: 400, message: /not a JSON object/ },
    {
      name: "a value off its schema",
      path: widgets,
      body: widget("a", { size: 0 }),
      code: 422,
      message:
        /^Widget.example.dev "a" is invalid: spec.size: Invalid value: 0: spec.size in body should be greater than or equal to 1$/,
    },
    {
      name: "a missing required field",
      path: widgets,
      body: widget("a", {}),
      code: 422,
      message: /spec.size: Required value$/,
    },
    {
      name: "unknown fields when strict",
      path: widgets,
      query: { fieldValidation: "Strict" },
      body: widget("a", { size: 1, shape: "x" }),
      code: 400,
      message:
        /^Widget in version "v1" cannot be handled as a Widget: strict decoding error: unknown field "spec.shape"$/,
    },
    {
      name: "a wrong type in a built-in kind",
      body: { ...configMap("a"), data: { a: 1 } },
      code: 400,
      message: /^ConfigMap in version "v1" cannot be handled as a ConfigMap: /,
    },
    {
      name: "1.5 MiB and more",
      body: configMap("big", { a: "x".repeat(1_600_000) }),
      code: 413,
      message: /^Request entity too large: the object has \d+ bytes/,
    },
  ];
  for (const { name, path = configMaps, body, code, message, query } of refusals) {
    it(`refuses ${name}`, async () => {
      const server = await testServer();
      await server.ok("POST", configMaps, { body: configMap("kept") });
      const answer = await server.send("POST", path, { body, ...(query === undefined ? {} : { query }) });
      assert.equal(answer.status, code);
      assert.match((answer.body as Status).message ?? "", message);
      assert.equal((answer.body as Status).code, code);
    });
  }

  it("warns of unknown fields by default and drops them", async () => {
    const server = await testServer();
    const { warnings, body } = await server.send("POST", widgets, { body: widget("a", { size: 1, shape: "x" }) });
    assert.deepEqual(warnings, ['unknown field "spec.shape"']);
    assert.equal(((body as AnyObject)["spec"] as { shape?: string }).shape, undefined);
  });

  it("stores nothing on a dry run", async () => {
    const server = await testServer();
    const before = server.store.currentRevision();
    await server.ok("POST", configMaps, { body: configMap("a"), query: { dryRun: "All" } });
    assert.equal((await server.send("GET", `${configMaps}/a`)).status, 404);
    assert.equal(server.store.currentRevision(), before);
  });

  it("is as if sent over the wire: later changes of the sent object change nothing, undefined fields are absent", async () => {
    const server = await testServer();
    const sent = configMap("a", { k: "1", gone: undefined as unknown as string });
    await server.ok("POST", configMaps, { body: sent });
    (sent["data"] as Record<string, string>)["k"] = "2";
    assert.deepEqual((await server.ok("GET", `${configMaps}/a`))["data"], { k: "1" });
  });
});

describe("update and patch", () => {
  it("refuses a stale resourceVersion with Kubernetes' conflict", async () => {
    const server = await testServer();
    const first = await server.ok("POST", configMaps, { body: configMap("a") });
    await server.ok("PATCH", `${configMaps}/a`, { body: { data: { x: "1" } }, contentType: merge });
    const { status, body } = await server.send("PUT", `${configMaps}/a`, { body: first });
    assert.equal(status, 409);
    assert.match(
      (body as Status).message ?? "",
      /^Operation cannot be fulfilled on configmaps "a": the object has been modified; please apply/,
    );
  });

  it("raises neither resourceVersion nor generation when nothing changes", async () => {
    const server = await testServer();
    const first = await server.ok("POST", widgets, { body: widget("a") });
    const same = await server.ok("PUT", `${widgets}/a`, { body: structuredClone(first) });
    assert.equal(same.metadata.resourceVersion, first.metadata.resourceVersion);
  });

  it("raises generation for the specification only", async () => {
    const server = await testServer();
    await server.ok("POST", widgets, { body: widget("a") });
    const labelled = await server.ok("PATCH", `${widgets}/a`, {
      body: { metadata: { labels: { a: "b" } } },
      contentType: merge,
    });
    assert.equal(labelled.metadata.generation, 1);
    const changed = await server.ok("PATCH", `${widgets}/a`, { body: { spec: { size: 2 } }, contentType: merge });
    assert.equal(changed.metadata.generation, 2);
  });

  it("keeps status and specification apart", async () => {
    const server = await testServer();
    await server.ok("POST", widgets, { body: { ...widget("a"), status: { phase: "Forged" } } });
    assert.equal((await server.ok("GET", `${widgets}/a`))["status"], undefined);
    const viaStatus = await server.ok("PATCH", `${widgets}/a/status`, {
      body: { spec: { size: 9 }, metadata: { labels: { a: "b" } }, status: { phase: "Up" } },
      contentType: merge,
    });
    assert.deepEqual(
      [viaStatus["spec"], viaStatus["status"], viaStatus.metadata.labels],
      [{ size: 1, color: "red" }, { phase: "Up" }, undefined],
    );
    const viaMain = await server.ok("PATCH", `${widgets}/a`, {
      body: { spec: { size: 2 }, status: { phase: "Down" } },
      contentType: merge,
    });
    assert.deepEqual([viaMain["spec"], viaMain["status"]], [{ size: 2, color: "red" }, { phase: "Up" }]);
  });

  it("refuses strategic merge on custom kinds as Kubernetes does", async () => {
    const server = await testServer();
    await server.ok("POST", widgets, { body: widget("a") });
    const { status, body } = await server.send("PATCH", `${widgets}/a`, {
      body: {},
      contentType: "application/strategic-merge-patch+json",
    });
    assert.equal(status, 415);
    assert.equal(
      (body as Status).message,
      "the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml",
    );
  });

  it("lets twenty patches at once all win", async () => {
    const server = await testServer();
    await server.ok("POST", configMaps, { body: configMap("a") });
    const one = (index: number): Promise<AnyObject> =>
      server.ok("PATCH", `${configMaps}/a`, { body: { data: { [`k${index}`]: "1" } }, contentType: merge });
    await Promise.all(Array.from({ length: 20 }, (_, index) => one(index)));
    assert.equal(Object.keys((await server.ok("GET", `${configMaps}/a`))["data"] as object).length, 20);
  });

  it("applies, conflicts by name of manager and field, and forces", async () => {
    const server = await testServer();
    const apply = (manager: string, size: number, force = "false"): Promise<{ status: number; body?: unknown }> =>
      server.send("PATCH", `${widgets}/a`, {
        body: widget("a", { size }),
        contentType: "application/apply-patch+yaml",
        query: { fieldManager: manager, force },
      });
    assert.equal((await apply("one", 1)).status, 201);
    const refused = await apply("two", 2);
    assert.equal(refused.status, 409);
    assert.equal((refused.body as Status).message, 'Apply failed with 1 conflict: conflict with "one": .spec.size');
    assert.equal((await apply("two", 2, "true")).status, 200);
    assert.equal((await apply("two", 2)).status, 200);
  });

  it("scales through the scale subresource", async () => {
    const server = await testServer();
    await server.ok("POST", widgets, { body: widget("a", { size: 1, replicas: 1 }) });
    const scale = await server.ok("PATCH", `${widgets}/a/scale`, {
      body: { spec: { replicas: 4 } },
      contentType: merge,
    });
    assert.deepEqual([scale.kind, scale["spec"]], ["Scale", { replicas: 4 }]);
    const after = await server.ok("GET", `${widgets}/a`);
    assert.deepEqual([(after["spec"] as { replicas: number }).replicas, after.metadata.generation], [4, 2]);
  });

  it("refuses to change a Deployment's selector", async () => {
    const server = await testServer();
    const labels = { app: "web" };
    const deployment = {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "web" },
      spec: {
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers: [{ name: "a", image: "b" }] } },
      },
    };
    const path = "/apis/apps/v1/namespaces/default/deployments";
    await server.ok("POST", path, { body: deployment });
    const changed = { app: "web", v: "2" };
    const { status, body } = await server.send("PATCH", `${path}/web`, {
      body: { spec: { selector: { matchLabels: changed }, template: { metadata: { labels: changed } } } },
      contentType: merge,
    });
    assert.equal(status, 422);
    assert.match(
      (body as Status).message ?? "",
      /^Deployment.apps "web" is invalid: spec.selector: Invalid value: .*: field is immutable$/,
    );
  });
});

describe("delete", () => {
  it("removes at once, or when the last finalizer goes", async () => {
    const server = await testServer();
    await server.ok("POST", configMaps, { body: configMap("plain") });
    const gone = await server.ok<Status>("DELETE", `${configMaps}/plain`);
    assert.deepEqual([gone.status, (await server.send("GET", `${configMaps}/plain`)).status], ["Success", 404]);
    await server.ok("POST", configMaps, {
      body: { ...configMap("held"), metadata: { name: "held", finalizers: ["example.dev/hold"] } },
    });
    const held = await server.ok("DELETE", `${configMaps}/held`);
    assert.equal(held.metadata.deletionTimestamp, "2026-01-01T00:00:00Z");
    await server.ok("PATCH", `${configMaps}/held`, { body: { metadata: { finalizers: null } }, contentType: merge });
    assert.equal((await server.send("GET", `${configMaps}/held`)).status, 404);
  });

  it("lets a running pod end gracefully; the kubelet's delete with no grace removes it", async () => {
    const server = await testServer();
    await server.ok("POST", pods, { body: pod("p", { nodeName: "node" }) });
    const ending = await server.ok("DELETE", `${pods}/p`);
    assert.deepEqual(
      [ending.metadata.deletionTimestamp, ending.metadata.deletionGracePeriodSeconds],
      ["2026-01-01T00:00:30Z", 30],
    );
    const shorter = await server.ok("DELETE", `${pods}/p`, { body: { gracePeriodSeconds: 5 } });
    assert.equal(shorter.metadata.deletionGracePeriodSeconds, 5);
    await server.ok("DELETE", `${pods}/p`, { body: { gracePeriodSeconds: 0 } });
    assert.equal((await server.send("GET", `${pods}/p`)).status, 404);
  });

  const held: { name: string; policy: string; finalizers: string[] }[] = [
    { name: "waits for dependents in the foreground", policy: "Foreground", finalizers: ["foregroundDeletion"] },
    { name: "waits for orphans to be released", policy: "Orphan", finalizers: ["orphan"] },
  ];
  for (const { name, policy, finalizers } of held) {
    it(name, async () => {
      const server = await testServer();
      await server.ok("POST", configMaps, { body: configMap("a") });
      const ending = await server.ok("DELETE", `${configMaps}/a`, { body: { propagationPolicy: policy } });
      assert.deepEqual(ending.metadata.finalizers, finalizers);
    });
  }

  it("checks preconditions", async () => {
    const server = await testServer();
    await server.ok("POST", configMaps, { body: configMap("a") });
    const { status, body } = await server.send("DELETE", `${configMaps}/a`, {
      body: { preconditions: { uid: "other" } },
    });
    assert.equal(status, 409);
    assert.match(
      (body as Status).message ?? "",
      /Precondition failed: UID in precondition: other, UID in object meta: 0000/,
    );
  });

  it("deletes a selected collection", async () => {
    const server = await testServer();
    for (const name of ["a", "b", "c"])
      await server.ok("POST", configMaps, { body: { ...configMap(name), metadata: { name, labels: { n: name } } } });
    await server.ok("DELETE", configMaps, { query: { labelSelector: "n in (a,b)" } });
    assert.deepEqual(namesOf(await server.ok<List>("GET", configMaps)), ["c"]);
  });

  it("ends a namespace only when it is finalized, and refuses what is new meanwhile", async () => {
    const server = await testServer();
    await server.ok("POST", "/api/v1/namespaces", {
      body: { apiVersion: "v1", kind: "Namespace", metadata: { name: "team" } },
    });
    assert.equal((await server.ok("GET", "/api/v1/namespaces/team/serviceaccounts/default")).metadata.name, "default");
    const ending = await server.ok("DELETE", "/api/v1/namespaces/team");
    assert.equal((ending["status"] as { phase: string }).phase, "Terminating");
    const { status, body } = await server.send("POST", "/api/v1/namespaces/team/configmaps", {
      body: configMap("late"),
    });
    assert.equal(status, 403);
    assert.match(
      (body as Status).message ?? "",
      /^configmaps "late" is forbidden: unable to create new content in namespace team because it is being terminated$/,
    );
    await server.ok("PUT", "/api/v1/namespaces/team/finalize", { body: { ...ending, spec: { finalizers: [] } } });
    assert.equal((await server.send("GET", "/api/v1/namespaces/team")).status, 404);
  });
});

describe("admission", () => {
  const plugin = (phase: AdmissionPlugin["phase"], admit: AdmissionPlugin["admit"]): AdmissionPlugin => ({
    name: "gate.example.dev",
    phase,
    handles: ({ resource }) => resource.kind === "Widget",
    admit,
  });

  it("mutates, then validates, and names the plugin that refuses", async () => {
    const paint = plugin("mutate", async ({ object }) => ({
      object: { ...(object as AnyObject), spec: { size: 3, color: "blue" } },
      warnings: ["painted"],
    }));
    const server = await testServer({ admission: [paint] });
    const { body, warnings } = await server.send("POST", widgets, { body: widget("a") });
    assert.deepEqual([(body as AnyObject)["spec"], warnings], [{ size: 3, color: "blue" }, ["painted"]]);
    const refuse = plugin("validate", async () => ({ denied: { code: 403, reason: "Forbidden", message: "too big" } }));
    const strict = await testServer({ admission: [refuse] });
    const answer = await strict.send("POST", widgets, { body: widget("a") });
    assert.deepEqual(
      [answer.status, (answer.body as Status).message],
      [403, 'admission webhook "gate.example.dev" denied the request: too big'],
    );
  });

  it("counts a change after the plugins: what they put back is none", async () => {
    const paint = plugin("mutate", async ({ object }) => ({
      object: { ...(object as AnyObject), spec: { size: 3, color: "blue" } },
    }));
    const server = await testServer({ admission: [paint] });
    await server.ok("POST", widgets, { body: widget("a") });
    const contentType = "application/merge-patch+json";
    const body = { metadata: { labels: { a: "b" } }, spec: { size: 1 } };
    const patched = await server.ok("PATCH", `${widgets}/a`, { contentType, body });
    assert.deepEqual([patched.metadata.generation, patched.metadata.labels], [1, { a: "b" }]);
  });

  it("validates what a plugin made", async () => {
    const spoil = plugin("mutate", async ({ object }) => ({
      object: { ...(object as AnyObject), spec: { size: -1 } },
    }));
    const server = await testServer({ admission: [spoil] });
    assert.equal((await server.send("POST", widgets, { body: widget("a") })).status, 422);
  });

  it("turns a plugin's bug into a plain 500 that leaks nothing", async () => {
    const buggy = plugin("mutate", async () => {
      throw new Error("password=hunter2");
    });
    const server = await testServer({ admission: [buggy] });
    const { status, body } = await server.send("POST", widgets, { body: widget("a") });
    assert.equal(status, 500);
    assert.doesNotMatch(JSON.stringify(body), /hunter2/);
  });
});

describe("what is not served", () => {
  const cases: { method: ApiRequest["method"]; path: string; code: number; message: RegExp }[] = [
    {
      method: "POST",
      path: `${pods}/p/exec`,
      code: 501,
      message: /exec into a pod is not yet served here .*; run the command on this machine/,
    },
    { method: "POST", path: `${pods}/p/portforward`, code: 501, message: /port forwarding is not yet served here/ },
    { method: "GET", path: `${pods}/p/log`, code: 501, message: /pod logs is not yet served here/ },
    {
      method: "GET",
      path: "/apis/metrics.k8s.io/v1beta1/pods",
      code: 501,
      message: /kubectl top \(metrics.k8s.io\) is not yet served here/,
    },
    {
      method: "GET",
      path: "/apis/batch/v1/jobs",
      code: 404,
      message: /^the server could not find the requested resource$/,
    },
    { method: "GET", path: "/nonsense", code: 404, message: /^the server could not find the requested resource$/ },
    { method: "PUT", path: configMaps, code: 405, message: /^the server does not allow this method/ },
    {
      method: "DELETE",
      path: "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.example.dev",
      code: 405,
      message: /does not allow this method/,
    },
  ];
  for (const { method, path, code, message } of cases) {
    it(`answers ${code} to ${method} ${path}`, async () => {
      const server = await testServer();
      await server.ok("POST", pods, { body: pod("p") });
      const answer = await server.send(method, path);
      assert.equal(answer.status, code);
      assert.match((answer.body as Status).message ?? "", message);
    });
  }
});
