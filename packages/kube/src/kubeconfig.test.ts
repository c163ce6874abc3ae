// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { loadKubeconfig } from "./kubeconfig.ts";

const config = (user: string, cluster = "server: https://host:6443/"): string => `
apiVersion: v1
kind: Config
current-context: here
contexts: [{name: here, context: {cluster: c, user: u, namespace: team}}, {name: other, context: {cluster: missing, user: u}}]
clusters: [{name: c, cluster: {${cluster}}}]
users: [{name: u, user: {${user}}}]
`;

describe("loadKubeconfig()", () => {
  let dir: string;
  const load = async (text: string, context?: string) => {
    const path = join(dir, "config");
    await writeFile(path, text);
    return loadKubeconfig(path, context);
  };
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "serval-kubeconfig-"));
    await writeFile(join(dir, "ca.pem"), "CA");
  });
  after(() => rm(dir, { recursive: true }));

  it("reads server, namespace and a token", async () => {
    assert.deepEqual(await load(config("token: t")), { server: "https://host:6443", token: "t", namespace: "team" });
  });
  it("reads certificates inline and from files beside the config", async () => {
    const access = await load(
      config(
        `client-certificate-data: ${btoa("CERT")}, client-key-data: ${btoa("KEY")}`,
        "server: https://h, certificate-authority: ca.pem",
      ),
    );
    assert.deepEqual([access.ca, access.cert, access.key], ["CA", "CERT", "KEY"]);
  });
  it("refuses a context without a cluster, naming both", async () => {
    await assert.rejects(load(config("token: t"), "other"), /context "other" names no cluster/);
  });
  it("refuses an exec plug-in by name and says what works", async () => {
    await assert.rejects(load(config("exec: {command: aws}")), /exec plug-in.*use a token or a client certificate/);
  });
});
