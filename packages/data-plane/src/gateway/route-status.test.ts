// SPDX-License-Identifier: Apache-2.0
// What the gateway says about routes: which it takes, which it leaves to others, and no word twice.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Gateway, HTTPRoute, KubeObject, ResourceType } from "@serval/api";
import type { Cluster, Informer } from "@serval/kube";
import { backendRule, gatewayObject, httpRoute, type RouteSketch, serviceObject } from "../testing/objects.ts";
import { attachmentsOf, commonHost, servedRoute } from "./attachment.ts";
import { controllerName } from "./route-status.ts";
import { buildRouteTable, gatewayAddresses, type Watched, writeStatuses } from "./served-routes.ts";

const now = new Date("2026-11-24T10:00:00.123Z");
const attach = (sketch: RouteSketch, gateway: Gateway = gatewayObject()) =>
  attachmentsOf(httpRoute(sketch), ({ namespace, name }) =>
    namespace === gateway.metadata.namespace && name === gateway.metadata.name ? gateway : undefined,
  );
const listener = (rest: Partial<Gateway["spec"]["listeners"][number]>) =>
  gatewayObject({
    listeners: [{ name: "http", port: 80, protocol: "HTTP", allowedRoutes: { namespaces: { from: "All" } }, ...rest }],
  });
const ref = (rest: object) => [{ name: "ingress", namespace: "kserve", ...rest }];

describe("attachment of a route", () => {
  const refusals = [
    {
      name: "a listener of another name",
      parentRefs: ref({ sectionName: "https" }),
      gateway: gatewayObject(),
      reason: "NoMatchingParent",
    },
    { name: "another port", parentRefs: ref({ port: 81 }), gateway: gatewayObject(), reason: "NoMatchingParent" },
    {
      name: "only the Gateway's own namespace is admitted, which is the default",
      parentRefs: ref({}),
      gateway: listener({ allowedRoutes: {} }),
      reason: "NotAllowedByListeners",
    },
    {
      name: "only other kinds are admitted",
      parentRefs: ref({}),
      gateway: listener({ allowedRoutes: { namespaces: { from: "All" }, kinds: [{ kind: "GRPCRoute" }] } }),
      reason: "NotAllowedByListeners",
    },
    {
      name: "no host name in common",
      parentRefs: ref({}),
      gateway: listener({ hostname: "other.test" }),
      reason: "NoMatchingListenerHostname",
    },
  ];
  for (const { name, parentRefs, gateway, reason } of refusals)
    it(`is refused: ${name}`, () => {
      const [attachment] = attach({ parentRefs, hostnames: ["iris.test"] }, gateway);
      assert.equal(attachment?.refused?.reason, reason);
      assert.equal(servedRoute(httpRoute({}), [attachment as never]), undefined);
    });
  it("does not concern other Gateways and other kinds of parents", () => {
    assert.deepEqual(attach({ parentRefs: [{ name: "theirs", namespace: "kserve" }] }), []);
    assert.deepEqual(attach({ parentRefs: ref({ group: "", kind: "Service" }) }), []);
  });
  it("serves the host names that route and listener have in common", () => {
    const attachments = attach({ hostnames: ["a.test", "*.b.test", "c.example"] }, listener({ hostname: "*.test" }));
    assert.deepEqual(servedRoute(httpRoute({}), attachments)?.spec.hostnames, ["a.test", "*.b.test"]);
  });
  const pairs = [
    ["a.test", "a.test", "a.test"],
    ["*.test", "a.test", "a.test"],
    ["a.b.test", "*.test", "a.b.test"],
    ["*.test", "*.a.test", "*.a.test"],
    ["*.test", "test", undefined],
    ["*.a.test", "*.b.test", undefined],
    ["a.test", "b.test", undefined],
  ] as const;
  for (const [a, b, want] of pairs)
    it(`${a} and ${b} have ${want ?? "nothing"} in common`, () => {
      assert.equal(commonHost(a, b), want);
      assert.equal(commonHost(b, a), want);
    });
});

/** Objects as informers give them, and a cluster that records what is written and stores it. */
class Written {
  readonly patches: { kind: string; name: string; status: unknown }[] = [];
  readonly objects = new Map<string, KubeObject>();

  constructor(...objects: KubeObject[]) {
    for (const object of objects) this.objects.set(`${object.kind}/${object.metadata.name}`, object);
  }
  readonly cluster = {
    patch: async (type: ResourceType, { name }: { name: string }, { body }: { body: { status: unknown } }) => {
      this.patches.push({ kind: type.kind, name, status: body.status });
      const key = `${type.kind}/${name}`;
      this.objects.set(key, { ...(this.objects.get(key) as KubeObject), status: body.status } as KubeObject);
    },
  } as unknown as Cluster;

  get watched(): Watched {
    const informer = (kind: string) =>
      ({
        list: () => [...this.objects.values()].filter((object) => object.kind === kind),
        get: ({ name }: { name: string }) => this.objects.get(`${kind}/${name}`),
      }) as unknown as Informer<KubeObject>;
    return {
      routes: informer("HTTPRoute"),
      gateways: informer("Gateway"),
      classes: informer("GatewayClass"),
      services: informer("Service"),
      slices: informer("EndpointSlice"),
    } as unknown as Watched;
  }
  async report(invalid = new Map<string, string>(), at = now): Promise<void> {
    await writeStatuses(this.cluster, this.watched, { invalid, now: at });
  }
  conditions(name: string): string[] {
    const status = this.objects.get(`HTTPRoute/${name}`) as HTTPRoute;
    return (status.status?.parents ?? []).flatMap(({ conditions = [] }) =>
      conditions.map((c) => `${c.type}=${c.status} ${c.reason} ${c.observedGeneration}`),
    );
  }
}

const gatewayClass = (name: string, controller: string): KubeObject =>
  ({
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "GatewayClass",
    metadata: { name },
    spec: { controllerName: controller },
  }) as KubeObject;
const ours = gatewayClass("serval", controllerName);

describe("statuses", () => {
  it("an accepted route with its Service, its Gateway and its class", async () => {
    const home = new Written(ours, gatewayObject(), httpRoute({}), serviceObject("iris-predictor"));
    await home.report();
    assert.deepEqual(home.conditions("iris"), ["Accepted=True Accepted 1", "ResolvedRefs=True ResolvedRefs 1"]);
    assert.deepEqual(
      home.patches.map(({ kind }) => kind),
      ["GatewayClass", "HTTPRoute", "Gateway"],
    );
    const { status } = home.objects.get("Gateway/ingress") as Gateway;
    assert.deepEqual(
      status?.conditions?.map(({ type, status: is }) => `${type}=${is}`),
      ["Accepted=True", "Programmed=True"],
    );
    assert.equal(status?.listeners?.[0]?.attachedRoutes, 1);
    assert.equal(status?.conditions?.[0]?.lastTransitionTime, "2026-11-24T10:00:00Z");
  });
  it("nothing is written when nothing changed, whatever the order of keys", async () => {
    const home = new Written(ours, gatewayObject(), httpRoute({}), serviceObject("iris-predictor"));
    await home.report();
    const route = home.objects.get("HTTPRoute/iris") as HTTPRoute;
    const reversed = (value: unknown): unknown =>
      Array.isArray(value)
        ? value.map(reversed)
        : value !== null && typeof value === "object"
          ? Object.fromEntries(
              Object.entries(value)
                .reverse()
                .map(([key, item]) => [key, reversed(item)]),
            )
          : value;
    home.objects.set("HTTPRoute/iris", { ...route, status: reversed(route.status) } as HTTPRoute);
    home.patches.length = 0;
    await home.report(new Map(), new Date("2026-11-25T00:00:00Z"));
    assert.deepEqual(home.patches, []);
  });
  const wrong = [
    {
      name: "a Service that does not exist",
      service: "other",
      rule: backendRule("iris-predictor"),
      want: "ResolvedRefs=False BackendNotFound 1",
    },
    {
      name: "a backend that is no Service",
      service: "iris-predictor",
      rule: { backendRefs: [{ name: "p", kind: "InferencePool", group: "x.io" }] },
      want: "ResolvedRefs=False InvalidKind 1",
    },
    {
      name: "a backend of another namespace",
      service: "iris-predictor",
      rule: { backendRefs: [{ name: "s", namespace: "secret", port: 80 }] },
      want: "ResolvedRefs=False RefNotPermitted 1",
    },
  ];
  for (const { name, service, rule, want } of wrong)
    it(`says what is wrong: ${name}`, async () => {
      const home = new Written(ours, gatewayObject(), httpRoute({ rules: [rule] }), serviceObject(service));
      await home.report();
      assert.equal(home.conditions("iris")[1], want);
    });
  it("a route that cannot be compiled is not accepted, with its error", async () => {
    const home = new Written(ours, gatewayObject(), httpRoute({}), serviceObject("iris-predictor"));
    await home.report(new Map([["default/iris", "Invalid regular expression"]]));
    assert.equal(home.conditions("iris")[0], "Accepted=False UnsupportedValue 1");
  });
  it("time moves only with a verdict", async () => {
    const home = new Written(ours, gatewayObject(), httpRoute({}), serviceObject("other"));
    await home.report();
    home.objects.set("Service/iris-predictor", serviceObject("iris-predictor"));
    await home.report(new Map(), new Date("2026-11-25T00:00:00Z"));
    const [parent] = (home.objects.get("HTTPRoute/iris") as HTTPRoute).status?.parents ?? [];
    assert.deepEqual(
      parent?.conditions?.map(({ lastTransitionTime }) => lastTransitionTime),
      ["2026-11-24T10:00:00Z", "2026-11-25T00:00:00Z"],
    );
  });
});

describe("what belongs to other controllers", () => {
  const theirs = gatewayClass("nginx", "nginx.org/gateway");
  const theirEntry = {
    parentRef: { name: "theirs", namespace: "kserve" },
    controllerName: "nginx.org/gateway",
    conditions: [
      {
        type: "Accepted",
        status: "True" as const,
        reason: "Accepted",
        message: "",
        lastTransitionTime: "2026-01-01T00:00:00Z",
      },
    ],
  };

  it("is neither served nor written", async () => {
    const home = new Written(
      theirs,
      gatewayObject({ gatewayClassName: "nginx" }),
      httpRoute({}),
      serviceObject("iris-predictor"),
    );
    await home.report();
    assert.deepEqual(home.patches, []);
    assert.equal(buildRouteTable(home.watched, () => {}).size, 0);
  });
  it("stays in the status of a route with two parents", async () => {
    const route = httpRoute({});
    const home = new Written(
      ours,
      gatewayObject(),
      { ...route, status: { parents: [theirEntry] } } as HTTPRoute,
      serviceObject("iris-predictor"),
    );
    await home.report();
    const parents = (home.objects.get("HTTPRoute/iris") as HTTPRoute).status?.parents;
    assert.deepEqual(
      parents?.map((parent) => parent.controllerName),
      ["nginx.org/gateway", controllerName],
    );
    assert.deepEqual(parents?.[0], theirEntry);
  });
  it("is all that is left when a route leaves our Gateway", async () => {
    const home = new Written(ours, gatewayObject(), httpRoute({}), serviceObject("iris-predictor"));
    await home.report();
    const { status } = home.objects.get("HTTPRoute/iris") as HTTPRoute;
    const moved = httpRoute({ parentRefs: [{ name: "theirs", namespace: "kserve" }] });
    home.objects.set("HTTPRoute/iris", {
      ...moved,
      status: { parents: [theirEntry, ...(status?.parents ?? [])] },
    } as HTTPRoute);
    await home.report();
    assert.deepEqual((home.objects.get("HTTPRoute/iris") as HTTPRoute).status?.parents, [theirEntry]);
    assert.equal(buildRouteTable(home.watched, () => {}).size, 0);
  });
});

describe("where a Gateway says that it is", () => {
  const front = { namespace: "serval-system", name: "serval-gateway" };
  const service = (spec: object, ingress?: readonly object[]) => ({ spec, status: { loadBalancer: { ingress } } });
  const rows: readonly (readonly [string, object | undefined, typeof front | undefined, readonly string[]])[] = [
    ["on one machine", undefined, undefined, ["IPAddress 127.0.0.1"]],
    ["behind a Service", service({ clusterIP: "10.96.0.7" }), front, ["IPAddress 10.96.0.7"]],
    ["behind a load balancer", service({ clusterIP: "10.96.0.7" }, [{ ip: "1.2.3.4" }]), front, ["IPAddress 1.2.3.4"]],
    [
      "behind a named one",
      service({ clusterIP: "10.96.0.7" }, [{ hostname: "lb.example" }]),
      front,
      ["Hostname lb.example"],
    ],
    ["behind a headless Service", service({ clusterIP: "None" }), front, []],
    ["before its Service is there", undefined, front, []],
  ];
  for (const [name, found, given, wanted] of rows)
    it(name, () => {
      const services = { get: () => found } as unknown as Watched["services"];
      assert.deepEqual(
        gatewayAddresses(services, given).map(({ type, value }) => `${type} ${value}`),
        wanted,
      );
    });
});
