// SPDX-License-Identifier: Apache-2.0
// Kubernetes' own kinds: interfaces and structural schemas for the kinds that Serval uses, generated from the OpenAPI
// document of the k8s.io/kubernetes module and the Gateway API module's CRDs (Go module cache; `go mod download`).
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "yaml";

const kubernetesVersion = "v1.34.3";
const gatewayApiVersion = "v1.4.1";
/** What KServe v0.20 embeds. */
const routeSpecVersion = "v1.5.1";
const out = new URL("../../packages/api/src/core/", import.meta.url).pathname;

/** Root definitions; everything that they refer to comes along. */
const roots = [
  ...["Namespace", "ConfigMap", "Secret", "ServiceAccount", "Service", "Pod", "PersistentVolume"].map(
    (k) => `core.v1.${k}`,
  ),
  ...["PersistentVolumeClaim", "Event", "Node", "ResourceQuota"].map((k) => `core.v1.${k}`),
  "discovery.v1.EndpointSlice",
  "events.v1.Event",
  "apps.v1.Deployment",
  "apps.v1.ReplicaSet",
  "autoscaling.v2.HorizontalPodAutoscaler",
  "autoscaling.v1.Scale",
  "coordination.v1.Lease",
  "networking.v1.Ingress",
].map((name) => `io.k8s.api.${name}`);
const extensionRoots = [
  "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition",
  "io.k8s.apimachinery.pkg.apis.meta.v1.Status",
  "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions",
];

interface Schema {
  $ref?: string;
  type?: string;
  format?: string;
  properties?: Record<string, Schema>;
  additionalProperties?: Schema | boolean;
  items?: Schema;
  required?: string[];
  enum?: unknown[];
  [keyword: string]: unknown;
}

function moduleDir(module: string, version: string): string {
  const json = execFileSync("go", ["mod", "download", "-json", `${module}@${version}`], {
    cwd: tmpdir(),
    encoding: "utf8",
  });
  return (JSON.parse(json) as { Dir: string }).Dir;
}

const kept = new Set([
  "$ref",
  "type",
  "format",
  "properties",
  "additionalProperties",
  "items",
  "required",
  "enum",
  "default",
  "nullable",
  "oneOf",
  "anyOf",
  "allOf",
  "not",
  "pattern",
  "minimum",
  "maximum",
  "exclusiveMinimum",
  "exclusiveMaximum",
  "minLength",
  "maxLength",
  "minItems",
  "maxItems",
  "uniqueItems",
  "minProperties",
  "maxProperties",
  "multipleOf",
]);

/** Drops descriptions and anything that neither validation, pruning, defaulting nor merging reads. */
function compact(schema: Schema): Schema {
  const result: Schema = {};
  for (const [key, value] of Object.entries(schema)) {
    if (key === "properties")
      result.properties = Object.fromEntries(
        Object.entries(value as Record<string, Schema>).map(([k, v]) => [k, compact(v)]),
      );
    else if (key === "items") result.items = compact(value as Schema);
    else if (key === "additionalProperties" && typeof value === "object")
      result.additionalProperties = compact(value as Schema);
    else if (key === "$ref") result.$ref = (value as string).replace("#/definitions/", "");
    else if ((key.startsWith("x-kubernetes-") && key !== "x-kubernetes-unions") || kept.has(key)) result[key] = value;
  }
  return result;
}

function closure(definitions: Record<string, Schema>, names: string[]): string[] {
  const seen = new Set<string>();
  const visit = (schema: Schema): void => {
    if (schema.$ref !== undefined) add(schema.$ref.replace("#/definitions/", ""));
    for (const property of Object.values(schema.properties ?? {})) visit(property);
    if (schema.items !== undefined) visit(schema.items);
    if (typeof schema.additionalProperties === "object") visit(schema.additionalProperties);
  };
  const add = (name: string): void => {
    if (seen.has(name)) return;
    seen.add(name);
    const schema = definitions[name];
    if (schema === undefined) throw new Error(`No definition ${name}`);
    visit(schema);
  };
  for (const name of names) add(name);
  return [...seen].sort();
}

const scalarNames: Record<string, string> = {
  IntOrString: "number | string",
  Quantity: "string",
  Time: "string",
  MicroTime: "string",
  RawExtension: "Record<string, unknown>",
  JSON: "unknown",
  JSONSchemaPropsOrArray: "JSONSchemaProps",
  JSONSchemaPropsOrBool: "JSONSchemaProps | boolean",
  JSONSchemaPropsOrStringArray: "JSONSchemaProps | string[]",
  FieldsV1: "Record<string, unknown>",
};

function shortNames(names: string[]): Map<string, string> {
  const short = new Map<string, string>();
  const taken = new Set<string>();
  for (const name of [...names].sort((a, b) => Number(b.includes(".core.")) - Number(a.includes(".core.")))) {
    const parts = name.split(".");
    const last = parts.at(-1)!;
    const group = parts.at(-3)!;
    const unique = taken.has(last) ? `${group[0]!.toUpperCase()}${group.slice(1)}${last}` : last;
    taken.add(unique);
    short.set(name, unique);
  }
  return short;
}

const identifier = (key: string): string => (/^[A-Za-z_$][\w$]*$/.test(key) ? key : JSON.stringify(key));

/** A TypeScript type for a schema; inline objects stay inline. */
function typeOf(schema: Schema, short: Map<string, string>): string {
  if (schema.$ref !== undefined) {
    const name = short.get(schema.$ref.replace("#/definitions/", ""))!;
    return scalarNames[name] ?? name;
  }
  if (schema["x-kubernetes-int-or-string"] === true) return "number | string";
  if (schema.enum !== undefined && schema.type === "string")
    return schema.enum.map((v) => JSON.stringify(v)).join(" | ");
  if (schema.type === "array") return `(${typeOf(schema.items ?? {}, short)})[]`;
  if (schema.properties !== undefined) return `{ ${members(schema, short).join(" ")} }`;
  if (typeof schema.additionalProperties === "object")
    return `Record<string, ${typeOf(schema.additionalProperties, short)}>`;
  if (schema.type === "object") return "Record<string, unknown>";
  if (schema.type === "integer" || schema.type === "number") return "number";
  if (schema.type === "string" || schema.type === "boolean") return schema.type;
  return "unknown";
}

function members(schema: Schema, short: Map<string, string>): string[] {
  const required = new Set(schema.required ?? []);
  return Object.entries(schema.properties ?? {}).map(([key, property]) =>
    required.has(key)
      ? `${identifier(key)}: ${typeOf(property, short)};`
      : `${identifier(key)}?: ${typeOf(property, short)} | undefined;`,
  );
}

/** Objects that live in a cluster always carry apiVersion, kind and metadata; stored metadata always has a name. */
function interfaceOf(name: string, schema: Schema, short: Map<string, string>, topLevel: boolean): string {
  const required = new Set(schema.required ?? []);
  if (topLevel) for (const key of ["apiVersion", "kind", "metadata"]) required.add(key);
  if (name === "ObjectMeta") required.add("name");
  const body = members({ ...schema, required: [...required] }, short);
  return `export interface ${name} {\n${body.map((line) => `  ${line}`).join("\n")}\n}\n`;
}

const header = (source: string): string =>
  `// SPDX-License-Identifier: Apache-2.0\n// Generated from ${source} by \`npm run generate\`. Do not edit.\n`;

/**
 * Defaults of list-map keys (`protocol: TCP` of a port), which only the OpenAPI v3 documents have and server-side apply
 * needs to tell list items apart. Zero values of required fields are left out: merging knows them, and as defaults they
 * would hide what is missing.
 */
function addKeyDefaults(definitions: Record<string, Schema>, openApiV3Dir: string): void {
  const published: Record<string, Schema> = {};
  for (const file of readdirSync(openApiV3Dir)) {
    Object.assign(published, JSON.parse(readFileSync(join(openApiV3Dir, file), "utf8")).components?.schemas);
  }
  const lists = Object.values(definitions).flatMap(({ properties }) => Object.values(properties ?? {}));
  for (const list of lists) {
    const item = list.items?.$ref;
    if (item === undefined) continue;
    for (const key of (list["x-kubernetes-list-map-keys"] as string[] | undefined) ?? []) {
      const value = published[item]?.properties?.[key]?.["default"];
      const isKnown = !value && definitions[item]!.required?.includes(key) === true;
      if (value !== undefined && !isKnown) definitions[item]!.properties![key]!["default"] = value;
    }
  }
}

function generateKubernetes(): void {
  const dir = moduleDir("k8s.io/kubernetes", kubernetesVersion);
  const swagger = JSON.parse(readFileSync(join(dir, "api/openapi-spec/swagger.json"), "utf8")) as {
    definitions: Record<string, Schema>;
  };
  const names = closure(swagger.definitions, [...roots, ...extensionRoots]);
  const short = shortNames(names);
  const topLevel = new Set([...roots, ...extensionRoots]);
  const text = names
    .filter((name) => scalarNames[short.get(name)!] === undefined)
    .map((name) =>
      interfaceOf(
        short.get(name)!,
        swagger.definitions[name]!,
        short,
        topLevel.has(name) && !name.includes(".meta.v1."),
      ),
    )
    .join("\n");
  writeFileSync(join(out, "kubernetes.gen.ts"), `${header(`k8s.io/kubernetes ${kubernetesVersion}`)}\n${text}`);
  const definitions = Object.fromEntries(names.map((name) => [name, compact(swagger.definitions[name]!)]));
  addKeyDefaults(definitions, join(dir, "api/openapi-spec/v3"));
  writeFileSync(join(out, "kubernetes-schemas.gen.json"), `${JSON.stringify(definitions)}\n`);
}

function generateGatewayApi(): void {
  const dir = moduleDir("sigs.k8s.io/gateway-api", gatewayApiVersion);
  const crds = ["gatewayclasses", "gateways", "httproutes"].map((plural) => {
    const crd = parse(readFileSync(join(dir, `config/crd/standard/gateway.networking.k8s.io_${plural}.yaml`), "utf8"));
    crd.spec.versions = crd.spec.versions.filter((v: { name: string }) => v.name === "v1");
    for (const version of crd.spec.versions) version.schema.openAPIV3Schema = compact(version.schema.openAPIV3Schema);
    delete crd.status;
    return crd;
  });
  const text = crds
    .map((crd) =>
      interfaceOf(
        crd.spec.names.kind,
        {
          ...crd.spec.versions[0].schema.openAPIV3Schema,
          properties: { ...crd.spec.versions[0].schema.openAPIV3Schema.properties, metadata: { $ref: "meta" } },
        },
        new Map([["meta", "ObjectMeta"]]),
        true,
      ),
    )
    .join("\n");
  writeFileSync(
    join(out, "gateway-api.gen.ts"),
    `${header(`sigs.k8s.io/gateway-api ${gatewayApiVersion}`)}import type { ObjectMeta } from "./kubernetes.gen.ts";\n\n${text}`,
  );
  writeFileSync(join(out, "gateway-api-crds.gen.json"), `${JSON.stringify(crds)}\n`);
}

type Rules = { message: string }[];
const headerValue = "^[!-~]+([\\t ]?[!-~]+)*$";

/** Changes its argument. */
function withoutGeneratedRules(node: Schema): void {
  const rules = node["x-kubernetes-validations"] as Rules | undefined;
  if (rules !== undefined)
    node["x-kubernetes-validations"] = rules.filter(({ message }) => !/externalAuth|Rule name must be/i.test(message));
  if (node.enum !== undefined) node.enum = node.enum.filter((value) => value !== "ExternalAuth");
  if (node["pattern"] === headerValue) delete node["pattern"];
  for (const child of Object.values(node.properties ?? {})) withoutGeneratedRules(child);
  if (node.items !== undefined) withoutGeneratedRules(node.items);
}

/**
 * HTTPRouteSpec as KServe's LLM kinds embed it: the experimental channel (session persistence, retries, CORS), seen as Go
 * types are: rules that only Gateway API's own generator writes are not there, the Go markers are.
 */
function generateRouteSpec(): void {
  const dir = moduleDir("sigs.k8s.io/gateway-api", routeSpecVersion);
  const file = join(dir, "config/crd/experimental/gateway.networking.k8s.io_httproutes.yaml");
  const crd = parse(readFileSync(file, "utf8")) as {
    spec: { versions: { name: string; schema: { openAPIV3Schema: { properties: { spec: Schema } } } }[] };
  };
  const version = crd.spec.versions.find(({ name }) => name === "v1");
  const spec = compact(version!.schema.openAPIV3Schema.properties.spec);
  const { parentRefs, rules } = spec.properties!;
  delete parentRefs!["x-kubernetes-validations"];
  rules!["minItems"] = 1;
  withoutGeneratedRules(spec);
  writeFileSync(
    join(out, "gateway-api-schemas.gen.json"),
    `${JSON.stringify({ "io.k8s.networking.gateway.v1.HTTPRouteSpec": spec })}\n`,
  );
}

generateKubernetes();
generateGatewayApi();
generateRouteSpec();
