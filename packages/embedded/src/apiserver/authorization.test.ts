// SPDX-License-Identifier: Apache-2.0
// Reviews and requests follow one rule.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { authorize, impersonated } from "./authorization.ts";
import { testServer } from "./testing/servers.ts";

const admin = { username: "system:admin", groups: ["system:masters", "system:authenticated"] };
const eve = { username: "eve", groups: ["system:authenticated"] };
const base = "/apis/authorization.k8s.io/v1";
const resourceAttributes = { namespace: "default", verb: "get", resource: "secrets", name: "s" };

describe("a review", async () => {
  const { send } = await testServer();
  const cases: { name: string; path: string; spec: object; user?: typeof admin; allowed: boolean }[] = [
    {
      name: "of the administrator",
      path: `${base}/selfsubjectaccessreviews`,
      spec: { resourceAttributes },
      allowed: true,
    },
    {
      name: "of somebody else",
      path: `${base}/selfsubjectaccessreviews`,
      spec: { resourceAttributes },
      user: eve,
      allowed: false,
    },
    {
      name: "about a group",
      path: `${base}/subjectaccessreviews`,
      spec: { user: "ann", groups: ["system:masters"], resourceAttributes },
      allowed: true,
    },
    {
      name: "about a user",
      path: `${base}/subjectaccessreviews`,
      spec: { user: "ann", resourceAttributes },
      allowed: false,
    },
    {
      name: "in a namespace",
      path: `${base}/namespaces/default/localsubjectaccessreviews`,
      spec: { user: "ann", resourceAttributes },
      allowed: false,
    },
    {
      name: "of a path",
      path: `${base}/selfsubjectaccessreviews`,
      spec: { nonResourceAttributes: { path: "/metrics", verb: "get" } },
      allowed: true,
    },
  ];
  for (const { name, path, spec, user = admin, allowed } of cases) {
    it(name, async () => {
      const { status, body } = await send("POST", path, { body: { spec }, user });
      assert.equal(status, 201);
      const answer = (body as { status: { allowed: boolean; reason: string } }).status;
      assert.equal(answer.allowed, allowed);
      assert.match(answer.reason, allowed ? /system:masters/ : /no RBAC/);
    });
  }

  const refusals: [path: string, spec: object, code: number][] = [
    [`${base}/selfsubjectaccessreviews`, {}, 400],
    [`${base}/subjectaccessreviews`, { resourceAttributes }, 400],
    [`${base}/namespaces/other/localsubjectaccessreviews`, { user: "ann", resourceAttributes }, 400],
    [`${base}/unknownreviews`, {}, 404],
  ];
  for (const [path, spec, code] of refusals) {
    it(`${path} ${JSON.stringify(spec)}: ${code}`, async () => {
      assert.equal((await send("POST", path, { body: { spec } })).status, code);
    });
  }
});

describe("a request", () => {
  const list = { method: "GET", path: "/api/v1/namespaces/default/pods" } as const;
  it("is the administrator's alone", () => {
    authorize(list, admin);
    assert.throws(() => authorize(list, eve), {
      message: /User "eve" cannot list resource "pods" in API group "" in the namespace "default": .*no RBAC/,
    });
    authorize({ method: "POST", path: `${base}/selfsubjectaccessreviews` }, eve);
    authorize({ method: "GET", path: "/apis" }, eve);
  });
  it("may be made as somebody else by the administrator only", () => {
    const asBob = { "impersonate-user": "system:serviceaccount:ns:bob", "impersonate-group": "team" };
    assert.deepEqual(impersonated(admin, asBob), {
      username: "system:serviceaccount:ns:bob",
      groups: ["team", "system:serviceaccounts", "system:serviceaccounts:ns", "system:authenticated"],
    });
    assert.throws(() => impersonated(eve, asBob), { message: /User "eve" cannot impersonate/ });
  });
});
