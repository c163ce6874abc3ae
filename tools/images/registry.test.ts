// SPDX-License-Identifier: Apache-2.0
// Pushing to a registry that checks what it is given.
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { basicCredentials } from "./credentials.ts";
import { assembleImage, type Image, manifestMediaType } from "./image.ts";
import { buildLayer } from "./layer.ts";
import { planImages } from "./plan.ts";
import { platformOf } from "./platform.ts";
import { destination, pushImage } from "./registry.ts";
import { startRegistry } from "./testing/registry-server.ts";
import { textFile } from "./tree.ts";

let root: string;
let image: Image;
before(async () => {
  root = await mkdtemp(join(tmpdir(), "serval-registry-"));
  const layers = [await buildLayer({ name: "a", entries: [textFile("a", "a")], cacheDir: root })];
  const [planned] = planImages({ repository: "serval", tag: "v9", aliases: [], only: ["serval"] });
  const provenance = { version: "9", revision: undefined, created: "1970-01-01T00:00:00Z" };
  image = assembleImage(planned!, { layers, platform: platformOf("linux/amd64"), provenance });
});
after(() => rm(root, { recursive: true, force: true }));

const basicOf = (password: string): string => Buffer.from(`user:${password}`).toString("base64");

describe("pushImage()", () => {
  it("sends blobs and manifest once, and nothing that is there", async () => {
    await using registry = await startRegistry();
    const lines: string[] = [];
    const target = { registry: `${registry.host}/mirror`, say: (line: string) => void lines.push(line) };
    assert.equal(await pushImage(image, target), `${registry.host}/mirror/serval/serval:v9`);
    const { type, bytes } = registry.manifests.get("mirror/serval/serval:v9")!;
    assert.deepEqual([type, bytes], [manifestMediaType, image.manifest.bytes]);
    assert.equal(registry.blobs.size, 2);
    await pushImage(image, target);
    assert.equal(registry.requests.filter((line) => line.startsWith("PUT") && line.includes("/blobs/")).length, 2);
    assert.match(lines.join("\n"), /2 of 2 blobs were new[\s\S]*0 of 2 blobs were new/);
  });

  it("asks for a token where the registry wants one", async () => {
    await using registry = await startRegistry("secret");
    await pushImage(image, { registry: registry.host, basic: basicOf("secret") });
    assert.ok(registry.manifests.has("serval/serval:v9"));
    assert.equal(registry.requests.filter((line) => line === "GET /token").length, 1);
  });

  it("says what is wrong with a password, and never the password", async () => {
    await using registry = await startRegistry("secret");
    await assert.rejects(pushImage(image, { registry: registry.host, basic: basicOf("guess") }), (error: Error) => {
      assert.match(error.message, /gave no token \(401\)\nFix: check REGISTRY_USER/);
      assert.doesNotMatch(error.message, new RegExp(`guess|${basicOf("guess")}`));
      return true;
    });
  });

  it("says that nobody answers", () =>
    assert.rejects(pushImage(image, { registry: "127.0.0.1:1" }), /Cannot push to 127/));
});

describe("destination()", () => {
  const cases: ReadonlyArray<readonly [name: string, registry: string, host: string, path: string]> = [
    ["docker.io/serval/serval:v1", "localhost:5000", "localhost:5000", "serval/serval"],
    ["ghcr.io/a/b/serval:v1", "r.example.com/team/", "r.example.com", "team/a/b/serval"],
  ];
  for (const [name, registry, host, path] of cases)
    it(`${name} to ${registry}`, () => assert.deepEqual(destination(name, registry), { host, path, tag: "v1" }));
});

describe("basicCredentials()", () => {
  it("prefers the variables, then reads docker's file, then goes without", async () => {
    await writeFile(join(root, "config.json"), JSON.stringify({ auths: { "r.example.com": { auth: "ZG9ja2Vy" } } }));
    const env = { DOCKER_CONFIG: root };
    assert.equal(await basicCredentials("r.example.com", env), "ZG9ja2Vy");
    assert.equal(await basicCredentials("other.example.com", env), undefined);
    const given = { ...env, REGISTRY_USER: "user", REGISTRY_PASSWORD: "p" };
    assert.equal(await basicCredentials("r.example.com", given), basicOf("p"));
  });
});
