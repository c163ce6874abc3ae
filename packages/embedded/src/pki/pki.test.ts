// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { loadKubeconfig } from "@serval/kube";
import { loadPki, writeKubeconfig } from "./index.ts";

let root = "";
before(async () => {
  root = await mkdtemp(join(tmpdir(), "serval-pki-"));
});
after(() => rm(root, { recursive: true, force: true }));

const years = (count: number) => () => new Date(Date.now() + count * 365 * 24 * 3600 * 1000);

describe("loadPki()", () => {
  it("issues an authority, a serving and an administrator's certificate, and keeps them", async () => {
    const dir = join(root, "fresh");
    const pki = await loadPki(dir);
    const [ca, serving, admin] = [pki.ca.cert, pki.serving.cert, pki.admin.cert].map(
      (pem) => new X509Certificate(pem),
    ) as [X509Certificate, X509Certificate, X509Certificate];
    assert.equal(ca.ca, true);
    assert.ok(serving.verify(ca.publicKey) && admin.verify(ca.publicKey));
    for (const address of ["127.0.0.1", "::1"]) assert.ok(serving.checkIP(address), address);
    assert.ok(serving.checkHost("localhost"));
    assert.equal(admin.subject, "O=system:masters\nCN=system:admin");
    assert.ok(pki.token.length >= 32);
    assert.deepEqual(await loadPki(dir), pki);
  });

  it("lets nobody else read any of its files", async () => {
    const dir = join(root, "modes");
    await loadPki(dir);
    for (const file of await readdir(dir)) assert.equal((await stat(join(dir, file))).mode & 0o777, 0o600, file);
  });

  it("renews what is near its end, under the same authority", async () => {
    const dir = join(root, "renewed");
    const first = await loadPki(dir);
    const later = await loadPki(dir, { now: years(0.9) });
    assert.deepEqual(later.ca, first.ca);
    assert.equal(later.token, first.token);
    assert.notEqual(later.serving.cert, first.serving.cert);
    assert.ok(new X509Certificate(later.serving.cert).verify(new X509Certificate(first.ca.cert).publicKey));
    const muchLater = await loadPki(dir, { now: years(9.95) });
    assert.notEqual(muchLater.ca.cert, first.ca.cert);
    assert.ok(new X509Certificate(muchLater.admin.cert).verify(new X509Certificate(muchLater.ca.cert).publicKey));
  });

  it("replaces a file that cannot be read as a certificate", async () => {
    const dir = join(root, "damaged");
    const first = await loadPki(dir);
    await writeFile(join(dir, "server.crt"), "not a certificate");
    const second = await loadPki(dir);
    assert.notEqual(second.serving.cert, first.serving.cert);
    assert.deepEqual(second.ca, first.ca);
  });
});

describe("writeKubeconfig()", () => {
  it("writes what clients read, for the owner only", async () => {
    const pki = await loadPki(join(root, "kubeconfig-pki"));
    const path = join(root, "home", "kubeconfig");
    await writeKubeconfig(path, { server: "https://127.0.0.1:1", pki });
    const access = await loadKubeconfig(path);
    assert.deepEqual(
      [access.server, access.ca, access.cert, access.namespace],
      ["https://127.0.0.1:1", pki.ca.cert, pki.admin.cert, "default"],
    );
    assert.equal((await stat(path)).mode & 0o777, 0o600);
  });
});
