// SPDX-License-Identifier: Apache-2.0
// What it proves: one `kubectl apply` of the file on a cluster that may be empty works at the first try, Pod Security
// "restricted" is enforced where Serval runs, nothing that Serval asks the API for is refused, and the Gateway says where
// it is.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, describe, it } from "node:test";
import { install, onCluster, type RealCluster, realCluster, systemNamespace } from "./cluster.ts";

interface AuditEvent {
  readonly verb: string;
  readonly requestURI: string;
  readonly user: { readonly username: string };
  readonly responseStatus?: { readonly code: number };
}

describe("one file installs Serval", onCluster, () => {
  let real: RealCluster;
  before(async () => {
    real = await realCluster();
  });
  after(() => real[Symbol.asyncDispose]());

  it("at the first try", async (t) => {
    const startedAt = performance.now();
    await install(real);
    t.diagnostic(`everything is available after ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
  });
  it("under Pod Security restricted", async () => {
    const labels = await real.kubectl(["get", "ns", systemNamespace, "-o", "jsonpath={.metadata.labels}"]);
    assert.equal((JSON.parse(labels) as Record<string, string>)["pod-security.kubernetes.io/enforce"], "restricted");
    const { code, stderr } = await real.tell(["run", "root", "-n", systemNamespace, "--image=any", "--privileged"]);
    assert.equal(code, 1);
    assert.match(stderr, /violates PodSecurity "restricted/);
  });
  it("with the rights that it needs", async () => {
    const lines = (await readFile(real.placed.layout.auditLog, "utf8")).trim().split("\n");
    const refused = lines
      .map((line) => JSON.parse(line) as AuditEvent)
      .filter(
        ({ user, responseStatus }) =>
          user.username.startsWith(`system:serviceaccount:${systemNamespace}:`) && responseStatus?.code === 403,
      )
      .map(({ verb, requestURI, user }) => `${user.username} ${verb} ${requestURI}`);
    assert.deepEqual(refused, []);
  });
  it("and its Gateway has the address of its Service", async () => {
    const service = ["get", "service", "serval-gateway", "-n", systemNamespace, "-o", "jsonpath={.spec.clusterIP}"];
    const gateway = ["get", "gateway", "kserve-ingress-gateway", "-n", "kserve"];
    const address = await real.kubectl([...gateway, "-o", "jsonpath={.status.addresses[*].value}"]);
    assert.equal(address, await real.kubectl(service));
  });
});
