// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { reachablePort } from "@serval/data-plane/service-proxy/reachable-port.ts";
import { type NameScope, rewriteServiceNames, serviceLinkEnv } from "./service-names.ts";

const services: Record<string, { address: string; ports: number[] }> = {
  "default/iris": { address: "127.16.0.1", ports: [80, 8080] },
  "other/iris": { address: "127.16.0.2", ports: [8080] },
};
const scope = (firstFree: number): NameScope => ({
  namespace: "default",
  serviceOf: (namespace, name) => services[`${namespace}/${name}`],
  reachable: reachablePort(firstFree),
});

describe("rewriteServiceNames()", () => {
  const cases = [
    ["http://iris", "http://127.16.0.1"],
    ["http://iris:8080/v1", "http://127.16.0.1:8080/v1"],
    ["http://iris.other/v1?q=a", "http://127.16.0.2/v1?q=a"],
    ["http://iris.other.svc.cluster.local:8080", "http://127.16.0.2:8080"],
    ["grpc://iris.default.svc:8080", "grpc://127.16.0.1:8080"],
    ["iris.default", "127.16.0.1"],
    ["iris.default.svc.cluster.local.", "127.16.0.1"],
    ["--predictor_host=iris.default:80", "--predictor_host=127.16.0.1:80"],
    ["iris:8080", "127.16.0.1:8080"],
    [
      '{"url":"http://iris.other/x","hosts":["iris.default:80","b"]}',
      '{"url":"http://127.16.0.2/x","hosts":["127.16.0.1:80","b"]}',
    ],
    ['[{"serviceUrl":"http://iris.default.svc.cluster.local"}]', '[{"serviceUrl":"http://127.16.0.1"}]'],
    ["a=http://iris, b=http://iris.other", "a=http://127.16.0.1, b=http://127.16.0.2"],
  ];
  for (const [text, want] of cases)
    it(`puts addresses into ${text}`, () => assert.equal(rewriteServiceNames(text as string, scope(0)), want));

  const untouched = [
    "iris",
    "iris:v1",
    "iris:81",
    "/mnt/iris.default/model",
    "model-iris.default",
    "iris.default.json",
    "iris.default-values",
    "http://iris.example.com/",
    "http://unknown.default",
    "https://user@iris.default/x",
    "registry/iris:8080",
    "me@iris.default",
    "x: iris is a flower. default",
  ];
  for (const text of untouched)
    it(`leaves ${text} alone`, () => assert.equal(rewriteServiceNames(text, scope(0)), text));

  const unprivileged = [
    ["http://iris/v1", "http://127.16.0.1:20080/v1"],
    ["http://iris:80", "http://127.16.0.1:20080"],
    ["https://iris", "https://127.16.0.1:20443"],
    ["http://iris:8080", "http://127.16.0.1:8080"],
    ["iris.default", "127.16.0.1:20080"],
    ["iris.other", "127.16.0.2"],
    ["iris:80", "127.16.0.1:20080"],
  ];
  for (const [text, want] of unprivileged)
    it(`names a port that an ordinary user can serve in ${text}`, () =>
      assert.equal(rewriteServiceNames(text as string, scope(1024)), want));
});

describe("serviceLinkEnv()", () => {
  it("gives host and ports as kubelet's service links do", () => {
    const env = serviceLinkEnv("my-iris", "127.16.0.1", [
      { name: "http", port: 80 },
      { name: "grpc-web", port: 90 },
    ]);
    assert.deepEqual(env, {
      MY_IRIS_SERVICE_HOST: "127.16.0.1",
      MY_IRIS_SERVICE_PORT: "80",
      MY_IRIS_SERVICE_PORT_HTTP: "80",
      MY_IRIS_SERVICE_PORT_GRPC_WEB: "90",
    });
  });
});
