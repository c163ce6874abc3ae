// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { type AnyObject, defaultConfig } from "@serval/api";
import { parseAllDocuments } from "yaml";
import { createAdmissionState } from "../admission-state.ts";
import { admissionPlugins } from "./plugins.ts";
import { webhookConfigurations, webhookEntries } from "./registrations.ts";

type Webhook = Record<string, unknown> & { name: string; clientConfig: { service?: { path?: string } } };
const recorded = join(
  process.env["SERVAL_GOLDEN"] ?? join(import.meta.dirname, "../../../../../shared/golden"),
  "context/webhooks.yaml",
);
const skip = existsSync(recorded) ? {} : { skip: "KServe's registrations are not here" };
const service = { name: "kserve-webhook-server-service", namespace: "kserve" };
const ours = webhookConfigurations({ target: { service }, caBundle: "PEM" });
const webhooksOf = (object: AnyObject | undefined): Webhook[] => (object?.["webhooks"] ?? []) as Webhook[];

describe("webhookConfigurations()", () => {
  it("holds every registration of KServe's, under the same names, paths and rules", skip, () => {
    const documents = parseAllDocuments(readFileSync(recorded, "utf8")).map(
      (document) => document.toJS() as AnyObject | null,
    );
    let compared = 0;
    for (const theirs of documents.filter((document) => document !== null)) {
      const mine = ours.find(({ kind, metadata }) => kind === theirs.kind && metadata.name === theirs.metadata.name);
      for (const webhook of webhooksOf(theirs)) {
        const { clientConfig, admissionReviewVersions: _versions, ...rest } = webhook;
        const own = webhooksOf(mine).find(({ name }) => name === webhook.name);
        assert.partialDeepStrictEqual(own, rest);
        assert.equal(own?.clientConfig.service?.path, clientConfig.service?.path);
        compared += 1;
      }
    }
    assert.equal(compared, 7);
  });

  it("asks for every plugin, and for nothing that no plugin answers", () => {
    const plugins = admissionPlugins(createAdmissionState(defaultConfig()));
    const asked = new Set<string>();
    for (const { name, phase, group, version, plural, operations } of webhookEntries) {
      if (plural === "pods") continue;
      const resource = { group, version, plural, kind: "", namespaced: true };
      for (const operation of operations as ("CREATE" | "UPDATE" | "DELETE")[]) {
        const found = plugins.filter((plugin) => plugin.phase === phase && plugin.handles({ resource, operation }));
        assert.ok(found.length > 0, `${name} ${operation}`);
        for (const plugin of found) asked.add(`${plugin.phase} ${plugin.name}`);
        assert.ok(
          found.every((plugin) => plugin.name === name),
          `${name}: ${found.map((plugin) => plugin.name)}`,
        );
      }
    }
    assert.deepEqual(
      plugins.map(({ phase, name }) => `${phase} ${name}`).filter((name) => !asked.has(name)),
      [],
    );
  });

  it("names a URL outside a cluster", () => {
    const [first] = webhooksOf(webhookConfigurations({ target: { url: "https://host:9443/" }, caBundle: "PEM" })[0]);
    assert.deepEqual(first?.clientConfig, {
      url: "https://host:9443/mutate-serving-kserve-io-v1beta1-inferenceservice",
      caBundle: Buffer.from("PEM").toString("base64"),
    });
  });
});
