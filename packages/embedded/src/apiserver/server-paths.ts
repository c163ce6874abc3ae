// SPDX-License-Identifier: Apache-2.0
// Paths that are no resources: health, version, discovery, OpenAPI.
import type { ApiRequest, ApiResponse } from "@serval/kube";
import * as discovery from "./discovery/discovery.ts";
import type { Server } from "./handler.ts";
import { notServed, unknownResource } from "./status.ts";

/** The Kubernetes whose semantics are served. */
export const gitVersion = "v1.34.3+serval";

const version = {
  major: "1",
  minor: "34",
  emulationMajor: "1",
  emulationMinor: "34",
  minCompatibilityMajor: "1",
  minCompatibilityMinor: "33",
  gitVersion,
  gitCommit: "",
  gitTreeState: "clean",
  buildDate: "2026-01-01T00:00:00Z",
  goVersion: "none",
  compiler: "node",
  platform: `${process.platform}/${process.arch === "x64" ? "amd64" : process.arch}`,
};

async function* text(content: string): AsyncGenerator<Uint8Array> {
  yield new TextEncoder().encode(content);
}

const found = (body: unknown): ApiResponse => {
  if (body === undefined) throw unknownResource();
  return { status: 200, body };
};

function discover({ context }: Server, segments: readonly string[]): ApiResponse | undefined {
  const { registry } = context;
  const [root, group = "", groupVersion = ""] = segments;
  if (root === "api" && segments.length === 1) return { status: 200, body: discovery.coreVersions() };
  if (root === "api" && segments.length === 2) return found(discovery.resourceList(registry, "", group));
  if (root !== "apis") return undefined;
  if (segments.length === 1) return { status: 200, body: discovery.groupList(registry) };
  if (segments.length === 2) return found(discovery.groupDocument(registry, group));
  if (segments.length === 3) return found(discovery.resourceList(registry, group, groupVersion));
  return undefined;
}

/** Undefined: the path is a resource's, or nothing. */
export function serveFixedPath(server: Server, { path, method, accept }: ApiRequest): ApiResponse | undefined {
  const segments = path.split("/").filter((segment) => segment !== "");
  const [root = ""] = segments;
  if (method !== "GET") return undefined;
  if (root === "healthz" || root === "livez" || root === "readyz") {
    return { status: 200, bytes: text("ok"), contentType: "text/plain; charset=utf-8" };
  }
  if (path === "/version" || path === "/version/") return { status: 200, body: version };
  if ((path === "/api" || path === "/apis") && discovery.wantsAggregated(accept)) {
    const body = discovery.aggregatedDiscovery(server.context.registry, path === "/api");
    return { status: 200, body, contentType: discovery.aggregatedMediaType };
  }
  if (root === "openapi") {
    if (segments[1] !== "v3") throw notServed("OpenAPI v2", "use /openapi/v3");
    return found(segments.length === 2 ? server.openApi.index() : server.openApi.document(segments.slice(2).join("/")));
  }
  return discover(server, segments);
}
