// SPDX-License-Identifier: Apache-2.0
// Which groups, versions and resources there are: the classic documents and the aggregated one that kubectl asks first.
// Source: k8s.io/apiserver/pkg/endpoints/discovery (aggregated: apidiscovery.k8s.io/v2)
import { apiVersionOf } from "@serval/api";
import type { Registry } from "../resources/registry.ts";
import type { Resource } from "../resources/resource.ts";

const readVerbs = ["get", "list", "watch"];
const allVerbs = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
const verbsOf = ({ writable }: Resource): string[] => (writable ? allVerbs : readVerbs);

const subresourceVerbs: Readonly<Record<string, readonly string[]>> = {
  status: ["get", "patch", "update"],
  scale: ["get", "patch", "update"],
  finalize: ["update"],
  log: ["get"],
  binding: ["create"],
};
const foreignKinds: Readonly<Record<string, { group: string; version: string; kind: string }>> = {
  scale: { group: "autoscaling", version: "v1", kind: "Scale" },
  binding: { group: "", version: "v1", kind: "Binding" },
};

const inVersion = ({ resources }: Registry, group: string, version: string): Resource[] =>
  resources.filter(({ type }) => type.group === group && type.version === version);

/**
 * Listed though it has no resources: kubectl top asks only a server that lists it, and then shows our own refusal
 * ("not yet served here") instead of one that tells nothing.
 */
const metricsGroup = "metrics.k8s.io";
const metricsVersion = "v1beta1";

/** `/api/v1`, `/apis/<group>/<version>`; undefined: not served. */
export function resourceList(registry: Registry, group: string, version: string): unknown {
  const served = inVersion(registry, group, version);
  if (served.length === 0 && group !== metricsGroup) return undefined;
  const resources = served.flatMap((resource) => {
    const { type, singular, shortNames, categories, subresources } = resource;
    const main = {
      name: type.plural,
      singularName: singular,
      namespaced: type.namespaced,
      kind: type.kind,
      verbs: verbsOf(resource),
      ...(shortNames.length === 0 ? {} : { shortNames }),
      ...(categories.length === 0 ? {} : { categories }),
    };
    const below = subresources.map((name) => ({
      name: `${type.plural}/${name}`,
      singularName: "",
      namespaced: type.namespaced,
      kind: type.kind,
      ...foreignKinds[name],
      verbs: subresourceVerbs[name] ?? ["get"],
    }));
    return [main, ...below];
  });
  const groupVersion = group === "" ? version : `${group}/${version}`;
  return { kind: "APIResourceList", apiVersion: "v1", groupVersion, resources };
}

const versionsOf = ({ groups }: Registry, name: string): readonly string[] =>
  groups.get(name) ?? (name === metricsGroup ? [metricsVersion] : []);
const namedGroups = ({ groups }: Registry): string[] => [
  ...[...groups.keys()].filter((name) => name !== ""),
  metricsGroup,
];

function groupEntry(registry: Registry, name: string): Record<string, unknown> {
  const versions = versionsOf(registry, name).map((version) => ({ groupVersion: `${name}/${version}`, version }));
  return { name, versions, preferredVersion: versions[0] };
}

/** `/apis/<group>`; undefined: not served. */
export const groupDocument = (registry: Registry, name: string): unknown =>
  registry.groups.has(name) && name !== ""
    ? { kind: "APIGroup", apiVersion: "v1", ...groupEntry(registry, name) }
    : undefined;

export const groupList = (registry: Registry): unknown => ({
  kind: "APIGroupList",
  apiVersion: "v1",
  groups: namedGroups(registry).map((name) => groupEntry(registry, name)),
});

export const coreVersions = (): unknown => ({ kind: "APIVersions", versions: ["v1"], serverAddressByClientCIDRs: [] });

const scopeOf = (resource: Resource): string => (resource.type.namespaced ? "Namespaced" : "Cluster");

const aggregatedResource = (resource: Resource): unknown => {
  const { type, singular, shortNames, categories, subresources } = resource;
  const { group, version, kind } = type;
  return {
    resource: type.plural,
    responseKind: { group, version, kind },
    scope: scopeOf(resource),
    singularResource: singular,
    verbs: verbsOf(resource),
    ...(shortNames.length === 0 ? {} : { shortNames }),
    ...(categories.length === 0 ? {} : { categories }),
    ...(subresources.length === 0
      ? {}
      : {
          subresources: subresources.map((name) => ({
            subresource: name,
            responseKind: foreignKinds[name] ?? { group, version, kind },
            verbs: subresourceVerbs[name] ?? ["get"],
          })),
        }),
  };
};

/** `as=APIGroupDiscoveryList;v=v2;g=apidiscovery.k8s.io`. @param core `/api` instead of `/apis`. */
export function aggregatedDiscovery(registry: Registry, core: boolean): unknown {
  const names = core ? [""] : namedGroups(registry);
  return {
    kind: "APIGroupDiscoveryList",
    apiVersion: "apidiscovery.k8s.io/v2",
    metadata: {},
    items: names.map((name) => ({
      metadata: { name, creationTimestamp: null },
      versions: versionsOf(registry, name).map((version) => ({
        version,
        resources: inVersion(registry, name, version).map(aggregatedResource),
        freshness: "Current",
      })),
    })),
  };
}

export const aggregatedMediaType = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
export const wantsAggregated = (accept: string | undefined): boolean =>
  (accept ?? "").split(",").some((type) => type.includes("as=APIGroupDiscoveryList") && /v=v2(?!\w)/.test(type));

export const groupVersionPath = (resource: Resource): string =>
  resource.type.group === "" ? `api/${resource.type.version}` : `apis/${apiVersionOf(resource.type)}`;
