// SPDX-License-Identifier: Apache-2.0
// docs/reference/api: one page per kind, a row per field of ours, from the values that the CRDs are made of.
import { mkdirSync, writeFileSync } from "node:fs";
import { type CustomResource, configSchemas, type KubeObject, type SchemaNode, servingResources } from "@serval/api";
import { coreKeyword, type Inline, inlineKeyword } from "@serval/api/schema/makers.ts";

const folder = new URL("../../docs/reference/api/", import.meta.url);
const header = (source: string): string => `<!-- Generated from ${source} by \`npm run generate\`. Do not edit. -->\n`;

interface Row {
  readonly path: string;
  readonly type: string;
  readonly facts: string;
  readonly text: string;
}

/** The last part of a definition's name: `Affinity` of `io.k8s.api.core.v1.Affinity`. */
const shortName = (definition: string): string => definition.slice(definition.lastIndexOf(".") + 1);

function typeOf(node: SchemaNode): string {
  const core = node[coreKeyword] as string | undefined;
  if (core !== undefined) return shortName(core);
  if (node["x-kubernetes-int-or-string"] === true)
    return node["pattern"] === undefined ? "integer or text" : "quantity";
  if (node.items !== undefined) return `list of ${typeOf(node.items)}`;
  if (typeof node.additionalProperties === "object") return `map of ${typeOf(node.additionalProperties)}`;
  return node.type === "string" ? "text" : (node.type ?? "any");
}

const bounds: readonly (readonly [string, string])[] = [
  ["minimum", "at least"],
  ["maximum", "at most"],
  ["minLength", "length at least"],
  ["maxLength", "length at most"],
  ["minItems", "items at least"],
  ["maxItems", "items at most"],
];

function factsOf(node: SchemaNode, isRequired: boolean): string {
  const values = node["enum"] as readonly unknown[] | undefined;
  const inlined = node[inlineKeyword] as Inline | undefined;
  return [
    ...(isRequired ? ["required"] : []),
    ...(node["default"] === undefined ? [] : [`default \`${JSON.stringify(node["default"])}\``]),
    ...(values === undefined ? [] : [values.map((value) => `\`${value === "" ? '""' : String(value)}\``).join(" ")]),
    ...bounds.flatMap(([keyword, words]) => (node[keyword] === undefined ? [] : [`${words} ${String(node[keyword])}`])),
    ...(inlined === undefined ? [] : [`and every field of Kubernetes' ${shortName(inlined.name)}`]),
  ].join(", ");
}

const withoutText = (node: SchemaNode): string =>
  JSON.stringify(node, (key, value: unknown) => (key === "description" ? undefined : value));

/** Parts with several fields that a page already has are named, not repeated. */
function* rows(node: SchemaNode, path: string, seen: Map<string, string>): Generator<Row> {
  for (const [name, child] of Object.entries(node.properties ?? {})) {
    const at = path === "" ? name : `${path}.${name}`;
    const facts = factsOf(child, node.required?.includes(name) === true);
    const inner = child.items ?? (typeof child.additionalProperties === "object" ? child.additionalProperties : child);
    const hasFields = Object.keys(inner.properties ?? {}).length > 1;
    const identity = hasFields ? withoutText(inner) : "";
    const earlier = seen.get(identity);
    const text = String(child["description"] ?? "");
    yield {
      path: at,
      type: typeOf(child),
      facts,
      text: earlier === undefined ? text : `${text}. Fields as in \`${earlier}\``,
    };
    if (earlier !== undefined) continue;
    if (hasFields) seen.set(identity, at);
    const suffix = child.items === undefined ? (inner === child ? "" : ".<name>") : "[]";
    yield* rows(inner, `${at}${suffix}`, seen);
  }
}

const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("<", "&lt;");

function table(node: SchemaNode, root: string): string {
  const lines = [...rows(node, root, new Map())].map(
    ({ path, type, facts, text }) => `| \`${path}\` | ${type} | ${cell(facts)} | ${cell(text)} |`,
  );
  return `| field | type | | |\n| --- | --- | --- | --- |\n${lines.join("\n")}\n`;
}

function kindPage(resource: CustomResource<KubeObject>): string {
  const { type, description, shortNames, otherVersions = [], ownFields, status } = resource;
  const apiVersion = `${type.group}/${type.version}`;
  const others = otherVersions.map(({ name }) => `\`${name}\``).join(", ");
  const facts = [
    `\`apiVersion: ${apiVersion}\`${others === "" ? "" : ` (also served: ${others})`}`,
    type.namespaced ? "namespaced" : "cluster-scoped",
    `\`kubectl get ${[type.plural, ...shortNames].join("`, `kubectl get ")}\``,
  ];
  const own = Object.keys(ownFields ?? {}).length === 0 ? "" : `\n${table({ properties: ownFields as never }, "")}`;
  const statusPart =
    status === undefined || Object.keys((status as unknown as SchemaNode).properties ?? {}).length === 0
      ? ""
      : `\n## status\n\n${table(status as unknown as SchemaNode, "status")}`;
  return `${header("packages/api/src/serving")}
# ${type.kind}

${description}.

${facts.join(" · ")}
${own}
## spec

${table(resource.spec as unknown as SchemaNode, "spec")}${statusPart}`;
}

function configPage(): string {
  const sections = Object.entries(configSchemas).map(
    ([key, schema]) => `## ${key}\n\n${table(schema as unknown as SchemaNode, "")}`,
  );
  return `${header("packages/api/src/config/schema.ts")}
# inferenceservice-config

The ConfigMap of the controller: each key of \`data\` holds JSON. Keys and fields that are not listed are ignored. A value that is not valid keeps the last good settings in force; an event on the ConfigMap says why.

${sections.join("\n")}`;
}

const fileOf = ({ type }: CustomResource<KubeObject>): string => `${type.kind.toLowerCase()}.md`;

export const apiReferenceFiles: readonly string[] = [
  ...servingResources.map(fileOf),
  "inferenceservice-config.md",
  "README.md",
].map((file) => `docs/reference/api/${file}`);

export function generateApiReference(): void {
  mkdirSync(folder, { recursive: true });
  for (const resource of servingResources) writeFileSync(new URL(fileOf(resource), folder), kindPage(resource));
  writeFileSync(new URL("inferenceservice-config.md", folder), configPage());
  const lines = servingResources.map(
    (resource) =>
      `| [${resource.type.kind}](${fileOf(resource)}) | ${resource.type.version} | ${resource.description} |`,
  );
  const index = `${header("packages/api/src/serving")}
# The API

| kind | version | |
| --- | --- | --- |
${lines.join("\n")}

Settings of the controller: [inferenceservice-config](inferenceservice-config.md). The same texts: \`kubectl explain\`.
`;
  writeFileSync(new URL("README.md", folder), index);
}
