// SPDX-License-Identifier: Apache-2.0
// Which groups, versions and resources there are: the classic documents and the aggregated one that kubectl asks first.
// Source: k8s.io/apiserver/pkg/endpoints/discovery (aggregated: apidiscovery.k8s.io/v2)
import { apiVersionOf } from "@serval/api";
import { reviewResources } from "../authorization.ts";
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

/** Resources without stored objects: measurements (verbs/metrics.ts) and answers (authorization.ts). */
interface Computed {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
}
const metrics = { group: "metrics.k8s.io", version: "v1beta1", verbs: ["get", "list"] };
const computed: readonly Computed[] = [
  { ...metrics, plural: "nodes", kind: "NodeMetrics", namespaced: false },
  { ...metrics, plural: "pods", kind: "PodMetrics", namespaced: true },
  ...reviewResources.map((resource) => ({ ...resource, version: "v1", verbs: ["create"] })),
];
const computedIn = (group: string, version: string): Computed[] =>
  computed.filter((one) => one.group === group && one.version === version);

/** `/api/v1`, `/apis/<group>/<version>`; undefined: not served. */
export function resourceList(registry: Registry, group: string, version: string): unknown {
  const served = inVersion(registry, group, version);
  const answered = computedIn(group, version);
  if (served.length === 0 && answered.length === 0) return undefined;
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
  const others = answered.map(({ plural, kind, namespaced, verbs }) => ({
    name: plural,
    singularName: "",
    namespaced,
    kind,
    verbs,
  }));
  return { kind: "APIResourceList", apiVersion: "v1", groupVersion, resources: [...resources, ...others] };
}

const versionsOf = ({ groups }: Registry, name: string): readonly string[] =>
  groups.get(name) ?? [...new Set(computed.filter(({ group }) => group === name).map(({ version }) => version))];
const namedGroups = ({ groups }: Registry): string[] => [
  ...new Set([...[...groups.keys()].filter((name) => name !== ""), ...computed.map(({ group }) => group)]),
];

function groupEntry(registry: Registry, name: string): Record<string, unknown> {
  const versions = versionsOf(registry, name).map((version) => ({ groupVersion: `${name}/${version}`, version }));
  return { name, versions, preferredVersion: versions[0] };
}

/** `/apis/<group>`; undefined: not served. */
export const groupDocument = (registry: Registry, name: string): unknown =>
  versionsOf(registry, name).length > 0 && name !== ""
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

const aggregatedComputed = ({ group, version, plural, kind, namespaced, verbs }: Computed): unknown => ({
  resource: plural,
  responseKind: { group, version, kind },
  scope: namespaced ? "Namespaced" : "Cluster",
  singularResource: "",
  verbs,
});

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
        resources: [
          ...inVersion(registry, name, version).map(aggregatedResource),
          ...computedIn(name, version).map(aggregatedComputed),
        ],
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
