// SPDX-License-Identifier: Apache-2.0
// Which rule answers: the Gateway API's precedence, KServe's own routes, and the paths without a host name.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { backendRule, httpRoute, type RouteSketch } from "../testing/objects.ts";
import type { RequestHead, RouteMatch, RouteRule } from "./route-match.ts";
import { compileRouteTable, parseDuration } from "./route-table.ts";
import { findTarget, hostOfAuthority, readTarget } from "./target.ts";

const head = (url: string, rest: Partial<RequestHead> = {}): RequestHead => {
  const { hostname, pathname, search } = new URL(url);
  return { host: hostname, path: pathname, query: search, method: "POST", headers: {}, ...rest };
};

/** Name of the Service that gets the request. */
const serviceFor = (routes: RouteSketch[], request: RequestHead): string | undefined =>
  compileRouteTable(routes.map(httpRoute)).match(request)?.backends[0]?.service;

const exact = (value: string): RouteMatch => ({ path: { type: "Exact", value } });
const prefix = (value: string): RouteMatch => ({ path: { type: "PathPrefix", value } });
const regex = (value: string): RouteMatch => ({ path: { type: "RegularExpression", value } });
const to = (service: string, ...matches: RouteMatch[]): RouteRule => backendRule(service, { matches });

describe("the host name", () => {
  const routes: RouteSketch[] = [
    { name: "a", hostnames: ["iris.example.com"], rules: [backendRule("exact")] },
    { name: "b", hostnames: ["*.example.com"], rules: [backendRule("wildcard")] },
    { name: "c", hostnames: ["*.models.example.com"], rules: [backendRule("longer-wildcard")] },
    { name: "d", hostnames: ["UPPER.example.org"], rules: [backendRule("upper")] },
  ];
  const cases = [
    { name: "an exact name before a wildcard", url: "http://iris.example.com/", service: "exact" },
    { name: "a wildcard for one label", url: "http://wine.example.com/", service: "wildcard" },
    { name: "a wildcard for several labels", url: "http://a.b.example.com/", service: "wildcard" },
    { name: "the longest wildcard", url: "http://x.models.example.com/", service: "longer-wildcard" },
    { name: "a wildcard never for its own domain", url: "http://example.com/", service: undefined },
    { name: "a part of a label is no match", url: "http://notexample.com/", service: undefined },
    { name: "case does not count", url: "http://upper.example.org/", service: "upper" },
  ] as const;
  for (const { name, url, service } of cases) it(name, () => assert.equal(serviceFor(routes, head(url)), service));

  it("a route without host names answers for every host that no other route has", () => {
    const all = [...routes, { name: "e", rules: [backendRule("every")] }];
    assert.equal(serviceFor(all, head("http://other.test/")), "every");
    assert.equal(serviceFor(all, head("http://iris.example.com/")), "exact");
  });
});

describe("the path", () => {
  const rules = [
    to("regex", regex("/v[12]/.*")),
    to("root", prefix("/")),
    to("short", prefix("/v2/models")),
    to("long", prefix("/v2/models/iris")),
    to("exact", exact("/v2/models/iris")),
    to("slash", prefix("/files/")),
  ];
  const cases = [
    { name: "exact before prefix", path: "/v2/models/iris", service: "exact" },
    { name: "the longest prefix", path: "/v2/models/iris/infer", service: "long" },
    { name: "a prefix ends at a segment", path: "/v2/models/irises", service: "short" },
    { name: "a prefix before a regular expression", path: "/v2/modelsx", service: "root" },
    { name: "a final slash in a prefix says nothing", path: "/files", service: "slash" },
    { name: "below it as well", path: "/files/a", service: "slash" },
    { name: "case counts", path: "/V2/models/iris", service: "root" },
  ] as const;
  for (const { name, path, service } of cases)
    it(name, () => assert.equal(serviceFor([{ rules }], head(`http://h${path}`)), service));

  it("a regular expression has to match the whole path", () => {
    const only = [{ rules: [to("regex", regex("/v[12]/a|/b"))] }];
    assert.equal(serviceFor(only, head("http://h/v1/a")), "regex");
    assert.equal(serviceFor(only, head("http://h/b")), "regex");
    assert.equal(serviceFor(only, head("http://h/v1/a/more")), undefined);
    assert.equal(serviceFor(only, head("http://h/x/b")), undefined);
  });
});

describe("method, headers and query", () => {
  const v1 = prefix("/v1");
  const canary = { name: "X-Canary", value: "always" };
  const rules = [
    to("plain", v1),
    to("method", { ...v1, method: "GET" }),
    to("one-header", { ...v1, headers: [canary] }),
    to("two-headers", { ...v1, headers: [canary, { name: "x-team", type: "RegularExpression", value: "blue|green" }] }),
    to("query", { ...v1, queryParams: [{ name: "shadow", value: "1" }] }),
  ];
  const cases = [
    { name: "none of them", rest: {}, service: "plain" },
    { name: "a method before headers", rest: { method: "GET", headers: { "x-canary": "always" } }, service: "method" },
    { name: "a header, its name in any case", rest: { headers: { "x-canary": "always" } }, service: "one-header" },
    { name: "another value is no match", rest: { headers: { "x-canary": "never" } }, service: "plain" },
    {
      name: "most headers",
      rest: { headers: { "x-canary": "always", "x-team": "green" } },
      service: "two-headers",
    },
    { name: "a query parameter", rest: { query: "?a=b&shadow=1" }, service: "query" },
    {
      name: "headers before query",
      rest: { query: "?shadow=1", headers: { "x-canary": "always" } },
      service: "one-header",
    },
    { name: "the first of a repeated parameter", rest: { query: "?shadow=0&shadow=1" }, service: "plain" },
  ] as const;
  for (const { name, rest, service } of cases)
    it(name, () => assert.equal(serviceFor([{ rules }], head("http://h/v1/x", rest)), service));

  it("an absent header is no match even for a pattern that allows nothing", () => {
    const only = [{ rules: [to("any", { headers: [{ name: "x-a", type: "RegularExpression", value: ".*" }] })] }];
    assert.equal(serviceFor(only, head("http://h/")), undefined);
    assert.equal(serviceFor(only, head("http://h/", { headers: { "x-a": "" } })), "any");
  });
});

describe("equal matches", () => {
  const cases = [
    {
      name: "the older route wins",
      routes: [
        { name: "a", created: "2026-11-02T00:00:00Z", rules: [backendRule("new")] },
        { name: "b", created: "2026-11-01T00:00:00Z", rules: [backendRule("old")] },
      ],
      service: "old",
    },
    {
      name: "of the same age the first name wins",
      routes: [
        { name: "b", created: "2026-11-01T00:00:00Z", rules: [backendRule("b")] },
        { name: "a", created: "2026-11-01T00:00:00Z", rules: [backendRule("a")] },
      ],
      service: "a",
    },
    {
      name: "of one route the first rule wins",
      routes: [{ rules: [backendRule("first"), backendRule("second")] }],
      service: "first",
    },
  ];
  for (const { name, routes, service } of cases)
    it(name, () => assert.equal(serviceFor(routes, head("http://h/")), service));
});

describe("the routes that KServe makes", () => {
  const any = regex("^/.*$");
  const withExplainer = [to("iris-explainer", regex("^/v1/models/[\\w-]+:explain$")), to("iris-predictor", any)];
  const routes = [{ hostnames: ["iris-default.localhost"], rules: withExplainer }];
  const cases = [
    { name: "a prediction", path: "/v1/models/iris:predict", service: "iris-predictor" },
    { name: "an explanation", path: "/v1/models/iris:explain", service: "iris-explainer" },
    { name: "the root", path: "/", service: "iris-predictor" },
    { name: "chat", path: "/openai/v1/chat/completions", service: "iris-predictor" },
  ] as const;
  for (const { name, path, service } of cases)
    it(name, () => assert.equal(serviceFor(routes, head(`http://iris-default.localhost${path}`)), service));
});

describe("reaching a route without its host name", () => {
  const table = compileRouteTable([
    httpRoute({ name: "iris", hostnames: ["iris-default.localhost"], rules: [to("iris-predictor", regex("^/.*$"))] }),
    httpRoute({ name: "files", hostnames: ["files.test"], rules: [to("files", prefix("/serving"))] }),
  ]);
  const find = (url: string, host = "127.0.0.1:8080") =>
    findTarget(table, readTarget({ method: "POST", url, headers: { host } }));
  const cases = [
    {
      name: "the prefix is taken off",
      url: "/serving/default/iris/v1/models/iris:predict",
      path: "/v1/models/iris:predict",
    },
    { name: "the query stays", url: "/serving/default/iris/v2?x=%2F&y", path: "/v2?x=%2F&y" },
    { name: "escapes stay as they are", url: "/serving/default/iris/a%2Fb%20c//d/../e", path: "/a%2Fb%20c//d/../e" },
    { name: "nothing after the name is the root", url: "/serving/default/iris", path: "/" },
    { name: "another namespace is not it", url: "/serving/other/iris/v1", path: undefined },
    { name: "an unknown name is not it", url: "/serving/default/iriss/v1", path: undefined },
    { name: "a broken escape is no reason to fail", url: "/serving/%zz/iris/v1", path: undefined },
  ] as const;
  for (const { name, url, path } of cases) it(name, () => assert.equal(find(url)?.path, path));

  it("a host's own paths below /serving stay reachable", () => {
    assert.equal(find("/serving/default/other/x", "files.test")?.path, "/serving/default/other/x");
  });
  it("the absolute form of a request names its host", () => {
    assert.equal(find("http://IRIS-default.localhost:8080/v1?a", "wrong.test")?.path, "/v1?a");
    assert.equal(find("http://iris-default.localhost", "wrong.test")?.path, "/");
  });
  it("ports, brackets and a final dot are not part of a host", () => {
    const hosts = ["a.b:80", "[::1]:80", "[::1]", "A.b.", "", "a.b.:1"].map(hostOfAuthority);
    assert.deepEqual(hosts, ["a.b", "[::1]", "[::1]", "a.b", "", "a.b"]);
  });
});

describe("what a rule does with a request", () => {
  const ruleOf = (rule: Partial<RouteRule>) =>
    compileRouteTable([httpRoute({ rules: [backendRule("s", rule)] })]).match(head("http://h/old/path"));
  const rewrite = (
    path: NonNullable<NonNullable<RouteRule["filters"]>[number]["urlRewrite"]>["path"],
    match: RouteMatch,
  ) => ruleOf({ matches: [match], filters: [{ type: "URLRewrite", urlRewrite: { path } }] })?.rewrite;

  const durations = [
    ["10s", 10_000],
    ["1h30m", 5_400_000],
    ["500ms", 500],
    ["1m1s1ms", 61_001],
    ["0s", undefined],
    ["", undefined],
    [undefined, undefined],
  ] as const;
  for (const [text, ms] of durations) it(`a timeout of ${text}`, () => assert.equal(parseDuration(text), ms));

  it("the whole request's timeout counts, else the backend's", () => {
    assert.equal(ruleOf({ timeouts: { request: "5s", backendRequest: "1s" } })?.timeoutMs, 5_000);
    assert.equal(ruleOf({ timeouts: { backendRequest: "1s" } })?.timeoutMs, 1_000);
  });
  const rewrites = [
    { name: "another prefix", to: "/new", match: "/old", path: "/old/path", want: "/new/path" },
    { name: "no prefix", to: "/", match: "/old", path: "/old/path", want: "/path" },
    { name: "no prefix and nothing else", to: "/", match: "/old", path: "/old", want: "/" },
    { name: "a prefix in front", to: "/new/", match: "/", path: "/old", want: "/new/old" },
  ];
  for (const { name, to: replacePrefixMatch, match, path, want } of rewrites)
    it(`rewrites to ${name}`, () =>
      assert.equal(rewrite({ type: "ReplacePrefixMatch", replacePrefixMatch }, prefix(match))?.(path), want));
  it("rewrites the whole path", () => {
    assert.equal(rewrite({ type: "ReplaceFullPath", replaceFullPath: "/x" }, prefix("/old"))?.("/old/path"), "/x");
  });
  it("changes headers, names in lower case", () => {
    const change = {
      set: [{ name: "KServe-Isvc-Name", value: "iris" }],
      add: [{ name: "X-A", value: "1" }],
      remove: ["X-B"],
    };
    assert.deepEqual(
      ruleOf({ filters: [{ type: "RequestHeaderModifier", requestHeaderModifier: change }] })?.requestHeaders,
      {
        set: [["kserve-isvc-name", "iris"]],
        add: [["x-a", "1"]],
        remove: ["x-b"],
      },
    );
  });
  it("names a filter that it does not know", () => {
    const filters: RouteRule["filters"] = [{ type: "RequestRedirect", requestRedirect: { hostname: "x.test" } }];
    assert.equal(ruleOf({ filters })?.unsupported, "RequestRedirect");
  });
  const problems = [
    {
      name: "another kind",
      ref: { name: "p", kind: "InferencePool", group: "inference.networking.k8s.io" },
      problem: /is not a Service/,
    },
    {
      name: "another namespace",
      ref: { name: "s", namespace: "secret", port: 80 },
      problem: /is in another namespace/,
    },
    {
      name: "a filter of the backend's own",
      ref: { name: "s", port: 80, filters: [{ type: "URLRewrite" as const, urlRewrite: {} }] },
      problem: /filter of its own/,
    },
  ];
  for (const { name, ref, problem } of problems)
    it(`keeps the share of a backend that cannot be used: ${name}`, () => {
      const backends = ruleOf({ backendRefs: [{ name: "s", port: 80 }, ref] })?.backends;
      assert.deepEqual(
        backends?.map(({ weight }) => weight),
        [1, 1],
      );
      assert.equal(backends?.[0]?.problem, undefined);
      assert.match(backends?.[1]?.problem ?? "", problem);
    });
});

describe("a route that cannot be compiled", () => {
  it("is left out and named; the others answer", () => {
    const invalid: string[] = [];
    const table = compileRouteTable(
      [httpRoute({ name: "bad", rules: [to("s", regex("("))] }), httpRoute({ name: "good", hostnames: ["good.test"] })],
      (route, error) => invalid.push(`${route.metadata.name}: ${error.name}`),
    );
    assert.deepEqual(invalid, ["bad: SyntaxError"]);
    assert.equal(table.match(head("http://good.test/"))?.route.name, "good");
    assert.equal(table.size, 1);
  });
});
