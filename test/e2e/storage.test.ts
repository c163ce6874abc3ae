// SPDX-License-Identifier: Apache-2.0
// Ways of a model into a pod of a real home: several sources, credentials that are missing and come later.
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { pathToFileURL } from "node:url";
import type { InferenceService } from "@serval/api";
import { Home, isReady, root, type Service } from "./home.ts";

const folder = (name: string): string => pathToFileURL(join(root, "examples/models", name)).href;
const iris = { instances: [[6.8, 2.8, 4.8, 1.4]] };

describe("models of a running home", () => {
  let home: Home;
  before(async () => {
    home = await Home.make();
    await home.ready();
  });
  after(() => home.close());

  const apply = async (...objects: readonly object[]): Promise<void> => {
    const file = join(home.dataDir, "apply.json");
    await writeFile(file, JSON.stringify({ apiVersion: "v1", kind: "List", items: objects }));
    const { code, stderr } = await home.serval("apply", "-f", file);
    assert.equal(code, 0, stderr);
  };
  const service = (name: string, predictor: object): object => ({
    apiVersion: "serving.kserve.io/v1beta1",
    kind: "InferenceService",
    metadata: { name },
    spec: { predictor },
  });

  it("may come from several places into one folder", async () => {
    const storageUris = [
      { uri: folder("iris-svc"), mountPath: "/mnt/models" },
      { uri: folder("wine-forest"), mountPath: "/mnt/models/extra" },
    ];
    await apply(service("many", { model: { modelFormat: { name: "sklearn" } }, storageUris }));
    await home.until<Service>("readiness", "many", isReady);
    await home.askUntil("/serving/default/many/v1/models", 200);
    const { status, text } = await home.ask("/serving/default/many/v1/models/many:predict", { body: iris });
    assert.equal(status, 200);
    assert.deepEqual(JSON.parse(text), { predictions: [1] });
  });

  it("wait for a secret that is missing, say so, and come when it is there", async () => {
    const account = {
      apiVersion: "v1",
      kind: "ServiceAccount",
      metadata: { name: "reader" },
      secrets: [{ name: "token" }],
    };
    const model = { modelFormat: { name: "sklearn" }, storageUri: folder("iris-svc") };
    await apply(account, service("later", { serviceAccountName: "reader", model }));
    const waiting = await home.until<InferenceService>("the missing secret", "later", ({ status }) =>
      (status?.serval?.message ?? "").includes('secrets "token" not found'),
    );
    assert.equal(waiting.status?.serval?.code, "SV3006");
    await apply({ apiVersion: "v1", kind: "Secret", metadata: { name: "token" }, stringData: { HF_TOKEN: "t" } });
    await home.until<Service>("readiness", "later", isReady);
  });
});
