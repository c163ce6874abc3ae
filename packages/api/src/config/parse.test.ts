// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { defaultConfigMap } from "./default-config-map.ts";
import { defaultConfig, parseConfig } from "./parse.ts";

const cases = [
  { name: "an absent ConfigMap is Standard over Gateway API", data: undefined, paths: [] },
  { name: "unknown keys and fields are kept out of the way", data: { other: "{", agent: '{"x":1}' }, paths: [] },
  { name: "null is absent", data: { ingress: '{"ingressClassName":null}' }, paths: [] },
  { name: "broken JSON names its key", data: { agent: "{" }, paths: ["agent"] },
  {
    name: "a wrong type names its field",
    data: { security: '{"autoMountServiceAccountToken":"yes"}' },
    paths: ["security.autoMountServiceAccountToken"],
  },
  {
    name: "an unknown mode is refused",
    data: { deploy: '{"defaultDeploymentMode":"Fast"}' },
    paths: ["deploy.defaultDeploymentMode"],
  },
  {
    name: "a gateway needs its namespace",
    data: { ingress: '{"enableGatewayApi":true,"kserveIngressGateway":"gw"}' },
    paths: ["ingress.kserveIngressGateway"],
  },
  {
    name: "a path template needs a domain",
    data: { ingress: '{"pathTemplate":"/s","ingressDomain":""}' },
    paths: ["ingress.ingressDomain"],
  },
];

describe("parseConfig()", () => {
  for (const { name, data, paths } of cases) {
    it(name, () =>
      assert.deepEqual(
        parseConfig(data).problems.map(({ path }) => path),
        paths,
      ),
    );
  }
  it("fills defaults of a key that is there", () => {
    const { config } = parseConfig({ ingress: '{"ingressDomain":"models.io"}' });
    assert.equal(config.ingress.domainTemplate, "{{ .Name }}-{{ .Namespace }}.{{ .IngressDomain }}");
    assert.equal(config.ingress.enableGatewayApi, false);
    assert.deepEqual([...config.present], ["ingress"]);
  });
});

describe("defaultConfigMap()", () => {
  it("parses without problems in both homes", () => {
    for (const home of ["embedded", "cluster"] as const)
      assert.deepEqual(parseConfig(defaultConfigMap({ home, gatewayPort: 8080 }).data).problems, []);
  });
  it("puts the gateway's port into the URL of the embedded home only", () => {
    assert.equal(
      parseConfig(defaultConfigMap({ home: "embedded", gatewayPort: 8080 }).data).config.serval.urlPort,
      8080,
    );
    assert.equal(
      parseConfig(defaultConfigMap({ home: "cluster", gatewayPort: 8080 }).data).config.serval.urlPort,
      undefined,
    );
  });
});

describe("defaultConfig()", () => {
  it("is Standard mode over Gateway API", () => {
    const { deploy, ingress } = defaultConfig();
    assert.deepEqual([deploy.defaultDeploymentMode, ingress.enableGatewayApi], ["Standard", true]);
  });
});
