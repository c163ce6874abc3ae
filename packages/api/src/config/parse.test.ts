// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { defaultConfigMap } from "./default-config-map.ts";
import { defaultConfig, parseConfig } from "./parse.ts";

interface Case {
  readonly name: string;
  readonly data: Readonly<Record<string, string>> | undefined;
  readonly paths: readonly string[];
  /** KServe's text, where it has one. */
  readonly message?: string;
}

const cases: readonly Case[] = [
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
  {
    name: "an unknown way to mount OCI images is refused",
    data: { storageInitializer: '{"ociModelMode":"copy"}' },
    paths: ["storageInitializer.ociModelMode"],
    message: 'invalid "storageInitializer".ociModelMode "copy": must be one of "modelcar", "native", "fetch"',
  },
  {
    name: "amounts must parse",
    data: { router: '{"cpuLimit":"much"}', logger: '{"memoryRequest":""}' },
    paths: ["logger.memoryRequest", "router.cpuLimit"],
  },
  {
    name: "an empty mode is a missing one",
    data: { deploy: '{"defaultDeploymentMode":""}' },
    paths: ["deploy.defaultDeploymentMode"],
    message: "invalid deploy config, defaultDeploymentMode is required",
  },
  {
    name: "a gateway's name must be one",
    data: { ingress: '{"enableGatewayApi":true,"kserveIngressGateway":"kserve/My_Gateway"}' },
    paths: ["ingress.kserveIngressGateway"],
    message: "invalid ingress config - gateway name is invalid",
  },
  {
    name: "a gateway's namespace must be one",
    data: { ingress: '{"enableGatewayApi":true,"kserveIngressGateway":"a.b/gateway"}' },
    paths: ["ingress.kserveIngressGateway"],
    message: "invalid ingress config - gateway namespace is invalid",
  },
  {
    name: "an Istio gateway may be absent, not empty",
    data: { ingress: '{"ingressGateway":""}' },
    paths: ["ingress.ingressGateway"],
    message: "invalid ingress config - ingressGateway is required",
  },
  {
    name: "templates must render",
    data: { ingress: '{"pathTemplate":"/{{ .Nmae }}"}' },
    paths: ["ingress.pathTemplate"],
  },
  {
    name: "windows are numbers as text",
    data: { autoscaler: '{"scaleUpStabilizationWindowSeconds":"5m"}' },
    paths: ["autoscaler.scaleUpStabilizationWindowSeconds"],
  },
  {
    name: "propagated headers are expressions",
    data: { router: '{"headers":{"propagate":["x-a","("]}}' },
    paths: ["router.headers.propagate.1"],
  },
];

describe("parseConfig()", () => {
  for (const { name, data, paths, message } of cases) {
    it(name, () => {
      const { problems } = parseConfig(data);
      assert.deepEqual(
        problems.map(({ path }) => path),
        paths,
      );
      if (message !== undefined) assert.equal(problems[0]?.message, message);
    });
  }
  it("fills defaults of a key that is there", () => {
    const { config } = parseConfig({ ingress: '{"ingressDomain":"models.io"}' });
    assert.equal(config.ingress.domainTemplate, "{{ .Name }}-{{ .Namespace }}.{{ .IngressDomain }}");
    assert.equal(config.ingress.enableGatewayApi, false);
    assert.deepEqual([...config.present], ["ingress"]);
  });
});

describe("sections within sections", () => {
  it("are there when the key is not", () => {
    const { credentials, explainers, opentelemetryCollector } = defaultConfig();
    assert.equal(credentials.s3.s3AccessKeyIDName, "awsAccessKeyID");
    assert.equal(explainers.art.image, "kserve/art-explainer");
    assert.equal(opentelemetryCollector.resource.cpuRequest, "200m");
  });
  it("keep the defaults of what they do not say", () => {
    const { config } = parseConfig({ credentials: '{"s3":{"s3Region":"eu"}}' });
    assert.deepEqual([config.credentials.s3.s3Region, config.credentials.s3.s3Endpoint], ["eu", ""]);
    assert.equal(config.credentials.gcs.gcsCredentialFileName, "gcloud-application-credentials.json");
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
