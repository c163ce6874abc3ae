// SPDX-License-Identifier: Apache-2.0
// Which addresses answer for a Service port, and which of them gets the next request.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { EndpointSlice, Service } from "@serval/api";
import { serviceObject, sliceObject } from "../testing/objects.ts";
import { chooseEndpoint, type EndpointSource, loadCounter, resolveEndpoints } from "./endpoints.ts";

const source = (service: Service | undefined, ...slices: EndpointSlice[]): EndpointSource => ({
  service: () => service,
  slices: () => slices,
});
const origins = (from: EndpointSource, port = 80): string[] =>
  resolveEndpoints(from, "default", "iris", port).ready.map(({ origin }) => origin);

describe("resolveEndpoints()", () => {
  const twoPorts = [
    { name: "http", port: 80, targetPort: 8080 },
    { name: "metrics", port: 9090, targetPort: 2112 },
  ];
  const slicePorts = [
    { name: "metrics", port: 2112 },
    { name: "http", port: 8080 },
  ];
  const iris = serviceObject("iris");

  it("finds a port by its name, in every slice", () => {
    const from = source(
      serviceObject("iris", { ports: twoPorts }),
      sliceObject("iris", [{ address: "127.64.0.1" }], slicePorts),
      sliceObject("iris", [{ address: "127.64.0.2" }], [{ name: "http", port: 8081 }]),
    );
    assert.deepEqual(origins(from, 80), ["http://127.64.0.1:8080", "http://127.64.0.2:8081"]);
    assert.deepEqual(origins(from, 9090), ["http://127.64.0.1:2112"]);
  });
  it("finds the one port without a name", () => {
    const from = source(
      serviceObject("iris", { ports: [{ port: 80 }] }),
      sliceObject("iris", [{ address: "127.64.0.1" }], [{ name: "", port: 8080 }]),
    );
    assert.deepEqual(origins(from), ["http://127.64.0.1:8080"]);
  });
  it("addresses a headless Service by its target port when it lists none", () => {
    const headless = serviceObject("iris", { clusterIP: "None", ports: [] });
    assert.deepEqual(origins(source(headless, sliceObject("iris", [{ address: "127.64.0.1" }])), 8080), [
      "http://127.64.0.1:8080",
    ]);
  });
  const conditions = [
    { name: "a ready one", condition: { ready: true }, isUsed: true },
    { name: "one that says nothing, which means ready", condition: {}, isUsed: true },
    { name: "not one that is not ready", condition: { ready: false }, isUsed: false },
    { name: "not one that is going away", condition: { ready: true, terminating: true }, isUsed: false },
    {
      name: "not one that goes away but still serves",
      condition: { ready: false, serving: true, terminating: true },
      isUsed: false,
    },
  ];
  for (const { name, condition, isUsed } of conditions)
    it(`uses ${name}`, () => {
      const slice = sliceObject("iris", [{ address: "127.64.0.1", conditions: condition }]);
      assert.equal(origins(source(iris, slice)).length, isUsed ? 1 : 0);
    });
  const problems = [
    { name: "no Service", from: source(undefined), port: 80, problem: "no-service" },
    { name: "no such port", from: source(iris), port: 81, problem: "no-port" },
    { name: "no slice yet", from: source(iris), port: 80, problem: "no-ready-endpoint" },
    {
      name: "a slice without endpoints",
      from: source(iris, sliceObject("iris", [])),
      port: 80,
      problem: "no-ready-endpoint",
    },
  ] as const;
  for (const { name, from, port, problem } of problems)
    it(`says why there is none: ${name}`, () =>
      assert.equal(resolveEndpoints(from, "default", "iris", port).problem, problem));
});

describe("chooseEndpoint()", () => {
  const endpoints = [1, 2, 3].map((port) => ({ address: "127.0.0.1", port, origin: `o${port}` }));
  const cases = [
    { name: "the least busy one", busy: ["o1", "o1", "o2", "o3", "o3"], tried: [], roll: 0, want: "o2" },
    { name: "equal ones take turns", busy: [], tried: [], roll: 0.5, want: "o2" },
    { name: "the last of them too", busy: [], tried: [], roll: 0.99, want: "o3" },
    { name: "not one that failed for this request", busy: ["o2", "o3"], tried: ["o1"], roll: 0, want: "o2" },
    { name: "one that failed when nothing else is left", busy: ["o1"], tried: ["o1", "o2", "o3"], roll: 0, want: "o2" },
  ];
  for (const { name, busy, tried, roll, want } of cases)
    it(name, () => {
      const load = loadCounter();
      for (const origin of busy) load.begin(origin);
      assert.equal(chooseEndpoint(endpoints, { load, roll, tried: new Set(tried) })?.origin, want);
    });
  it("nobody when there is nobody", () => {
    assert.equal(chooseEndpoint([], { load: loadCounter(), roll: 0, tried: new Set() }), undefined);
  });
  it("what ended no longer counts", () => {
    const load = loadCounter();
    load.begin("o1");
    load.begin("o1");
    load.end("o1");
    assert.equal(load.of("o1"), 1);
    load.end("o1");
    load.end("o1");
    assert.equal(load.of("o1"), 0);
  });
});
