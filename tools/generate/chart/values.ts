// SPDX-License-Identifier: Apache-2.0
// The chart's values as data: values.yaml with its comments and values.schema.json come from here. Defaults are those of
// the manifests.
import { defaultInstallOptions } from "../../../packages/cli/src/install/options.ts";

type Json = Readonly<Record<string, unknown>>;

export interface ChartValue {
  /** Dotted. */
  readonly path: string;
  readonly default: unknown;
  /** One sentence; becomes the comment and the schema's description. */
  readonly help: string;
  readonly schema?: Json;
}

const text: Json = { type: "string" };
const flag: Json = { type: "boolean" };
const map: Json = { type: "object" };
const list: Json = { type: "array" };
const count: Json = { type: "integer", minimum: 0 };
const listOfObjects: Json = { type: "array", items: { type: "object" } };
const { operator, gateway } = defaultInstallOptions;

export const podSecurityContext = { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } };
export const securityContext = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ["ALL"] },
  readOnlyRootFilesystem: true,
  runAsNonRoot: true,
};

/** What each of the two Deployments has. */
const workload = (prefix: string, who: string): readonly ChartValue[] => [
  { path: `${prefix}nodeSelector`, default: {}, help: `Nodes that ${who} may run on`, schema: map },
  { path: `${prefix}tolerations`, default: [], help: `Taints that ${who} tolerates`, schema: listOfObjects },
  { path: `${prefix}affinity`, default: {}, help: `Affinity of ${who}'s pods`, schema: map },
  { path: `${prefix}podAnnotations`, default: {}, help: `Annotations of ${who}'s pods`, schema: map },
  { path: `${prefix}priorityClassName`, default: "", help: `Priority class of ${who}'s pods`, schema: text },
  { path: `${prefix}extraArgs`, default: [], help: `Further arguments of ${who} (serval --help)`, schema: list },
  { path: `${prefix}extraEnv`, default: [], help: `Further environment variables of ${who}`, schema: listOfObjects },
  { path: `${prefix}extraVolumes`, default: [], help: `Further volumes of ${who}'s pods`, schema: listOfObjects },
  { path: `${prefix}extraVolumeMounts`, default: [], help: `Where ${who} mounts them`, schema: listOfObjects },
  { path: `${prefix}podSecurityContext`, default: podSecurityContext, help: `Of ${who}'s pods`, schema: map },
  { path: `${prefix}securityContext`, default: securityContext, help: `Of ${who}'s container`, schema: map },
  { path: `${prefix}serviceAccount.create`, default: true, help: `Make ${who}'s account`, schema: flag },
  { path: `${prefix}serviceAccount.name`, default: "", help: "Its name; empty: as the Deployment", schema: text },
  { path: `${prefix}serviceAccount.annotations`, default: {}, help: "Its annotations", schema: map },
];

export const chartValues: readonly ChartValue[] = [
  {
    path: "global.imageRegistry",
    default: "",
    help: "Registry of every image; wins over image.registry",
    schema: text,
  },
  { path: "image.registry", default: "", help: "Registry of the images, as registry.example.com/team", schema: text },
  {
    path: "image.repository",
    default: "serval/serval",
    help: "Serval's image; storage-initializer and serval-model-server are looked for beside it",
    schema: { type: "string", pattern: "^[a-z0-9][a-z0-9._/:-]*/[a-z0-9._-]+$" },
  },
  {
    path: "image.tag",
    default: "",
    help: "Tag of all three; empty: v and the chart's appVersion",
    schema: { type: "string", pattern: "^[\\w.-]*$" },
  },
  {
    path: "image.pullPolicy",
    default: defaultInstallOptions.imagePullPolicy,
    help: "When nodes ask the registry",
    schema: { enum: ["Always", "IfNotPresent", "Never"] },
  },
  { path: "imagePullSecrets", default: [], help: "Secrets with the registry's credentials", schema: listOfObjects },
  { path: "nameOverride", default: "", help: "Value of the label app.kubernetes.io/name", schema: text },
  {
    path: "fullnameOverride",
    default: "",
    help: "Beginning of the names of Deployments, accounts and the gateway's Service; empty: serval",
    schema: { type: "string", maxLength: 50 },
  },
  { path: "commonLabels", default: {}, help: "Labels of every object and pod", schema: map },
  {
    path: "createNamespace",
    default: false,
    help: "Make the release's namespace with the restricted level of Pod Security (for helm template; else --create-namespace)",
    schema: flag,
  },
  {
    path: "crds.install",
    default: true,
    help: "The operator brings and upgrades kinds, configuration and runtimes",
    schema: flag,
  },
  {
    path: "crds.keep",
    default: true,
    help: "They stay when the release is uninstalled, and with them every model. Only true: serval uninstall --purge removes them",
    schema: { const: true },
  },
  {
    path: "replicaCount",
    default: operator.replicas,
    help: "Operators; one acts, others wait to take over",
    schema: count,
  },
  { path: "resources", default: operator.resources, help: "Of the operator's container", schema: map },
  ...workload("", "the operator"),
  { path: "logLevel", default: "info", help: "Of the operator", schema: { enum: ["debug", "info", "warn", "error"] } },
  {
    path: "metrics.serviceMonitor.enabled",
    default: false,
    help: "A Service and a ServiceMonitor of the operator's metrics, where the Prometheus operator's kinds are",
    schema: flag,
  },
  { path: "metrics.serviceMonitor.interval", default: "30s", help: "How often they are read", schema: text },
  { path: "metrics.serviceMonitor.labels", default: {}, help: "Labels that your Prometheus selects by", schema: map },
  {
    path: "gateway.enabled",
    default: gateway.enabled,
    help: "Serval's own gateway; false: another implementation of Gateway API, or Ingress, carries the routes",
    schema: flag,
  },
  { path: "gateway.replicaCount", default: gateway.replicas, help: "Gateways", schema: count },
  { path: "gateway.resources", default: gateway.resources, help: "Of the gateway's container", schema: map },
  {
    path: "gateway.service.type",
    default: gateway.serviceType,
    help: "How it is reached from outside",
    schema: { enum: ["LoadBalancer", "NodePort", "ClusterIP"] },
  },
  { path: "gateway.service.annotations", default: {}, help: "What your cloud's load balancer wants", schema: map },
  ...workload("gateway.", "the gateway"),
  {
    path: "kserve",
    default: {},
    help: "Values of KServe's chart: those of its controller's pod are taken, the notes say where the others belong",
    schema: map,
  },
];

interface Tree {
  [key: string]: Tree | ChartValue;
}

const isLeaf = (node: Tree | ChartValue): node is ChartValue => typeof node["path"] === "string";

function tree(): Tree {
  const root: Tree = {};
  for (const value of chartValues) {
    const keys = value.path.split(".");
    let node = root;
    for (const key of keys.slice(0, -1)) {
      node[key] ??= {};
      node = node[key] as Tree;
    }
    node[keys.at(-1)!] = value;
  }
  return root;
}

function yamlOf(node: Tree, indent: string): string[] {
  return Object.entries(node).flatMap(([key, child]) =>
    isLeaf(child)
      ? [`${indent}# ${child.help}`, `${indent}${key}: ${JSON.stringify(child.default)}`]
      : [`${indent}${key}:`, ...yamlOf(child, `${indent}  `)],
  );
}

/** JSON is YAML: each value stands on the line below its comment. */
export const valuesYaml = (): string => `${yamlOf(tree(), "").join("\n")}\n`;

function schemaOf(node: Tree): Json {
  const properties = Object.fromEntries(
    Object.entries(node).map(([key, child]) => [
      key,
      isLeaf(child) ? { ...child.schema, description: child.help, default: child.default } : schemaOf(child),
    ]),
  );
  return { type: "object", additionalProperties: false, properties };
}

/** A value that is not there is refused, so that a slip of the pen is no silent default. */
export function valuesSchema(): Json {
  const schema = schemaOf(tree()) as { properties: Record<string, Json> };
  // Parent charts put their own keys here.
  const { additionalProperties: _, ...open } = schema.properties["global"]!;
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "Values of the chart serval",
    ...schema,
    properties: { ...schema.properties, global: open },
  };
}
