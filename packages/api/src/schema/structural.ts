// SPDX-License-Identifier: Apache-2.0
// From our schema values to the structural schemas of a CRD: Kubernetes' definitions expanded, keywords that a CRD
// refuses left out. Pure: the same value in gives the same plain JSON out.
import gatewayDefinitions from "../core/gateway-api-schemas.gen.json" with { type: "json" };
import definitions from "../core/kubernetes-schemas.gen.json" with { type: "json" };
import { atomicDefinitions, fieldDefaults } from "./go-markers.ts";
import {
  coreKeyword,
  type Inline,
  inlineKeyword,
  type ObjectRule,
  quantityPattern,
  relaxedKeyword,
  rulesKeyword,
} from "./makers.ts";

/** A JSON Schema node as plain data. */
export interface SchemaNode {
  type?: string;
  properties?: Record<string, SchemaNode>;
  items?: SchemaNode;
  additionalProperties?: SchemaNode | boolean;
  required?: string[];
  [keyword: string]: unknown;
}

const core = { ...definitions, ...gatewayDefinitions } as unknown as Record<string, SchemaNode>;

/** Keywords that Kubernetes' own definitions carry and a CRD does not know. */
const dropped = new Set([
  "x-kubernetes-patch-strategy",
  "x-kubernetes-patch-merge-key",
  "x-kubernetes-group-version-kind",
  "x-kubernetes-unions",
  coreKeyword,
  inlineKeyword,
  relaxedKeyword,
  rulesKeyword,
  "$ref",
  "allOf",
]);

const anyIntOrString = { anyOf: [{ type: "integer" }, { type: "string" }], "x-kubernetes-int-or-string": true };

const mapType = "x-kubernetes-map-type";

/** Definitions that are emitted as they stand here. */
const scalars: Readonly<Record<string, SchemaNode>> = {
  // Inside a CRD, metadata (of a volume claim template) is a plain object: KServe's generator writes it so.
  "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta": { type: "object" },
  "io.k8s.apimachinery.pkg.api.resource.Quantity": { ...anyIntOrString, pattern: quantityPattern },
  "io.k8s.apimachinery.pkg.util.intstr.IntOrString": anyIntOrString,
};

/** The definition that a node stands for: `$ref`, the one-element `allOf` around a `$ref`, or our own keyword. */
function definitionName(node: SchemaNode): string | undefined {
  const own = node[coreKeyword] ?? node["$ref"];
  if (typeof own === "string") return own.replace("#/definitions/", "");
  const [only] = (node["allOf"] as SchemaNode[] | undefined) ?? [];
  return only === undefined ? undefined : definitionName(only);
}

function definition(name: string): SchemaNode {
  const found = scalars[name] ?? core[name];
  if (found === undefined) throw new Error(`Cannot expand schema "${name}": it is not in kubernetes-schemas.gen.json`);
  const short = name.slice(name.lastIndexOf(".") + 1);
  const properties = Object.entries(found.properties ?? {}).map(([field, value]) => {
    const marker = fieldDefaults[`${short}.${field}`];
    return [field, marker === undefined ? value : { ...value, default: marker }] as const;
  });
  return {
    ...found,
    ...(found.properties === undefined ? {} : { properties: Object.fromEntries(properties) }),
    ...(atomicDefinitions.has(short) ? { "x-kubernetes-map-type": "atomic" } : {}),
  };
}

const expandProperties = (properties: Record<string, SchemaNode>): Record<string, SchemaNode> =>
  Object.fromEntries(Object.entries(properties).map(([name, value]) => [name, structural(value)]));

/** Drops one property, given by its path, from the `required` list that names it. */
function loosened(node: SchemaNode, [first, ...rest]: readonly string[]): SchemaNode {
  if (first === undefined) return node;
  if (rest.length === 0) {
    const required = node.required?.filter((field) => field !== first) ?? [];
    const { required: _required, ...others } = node;
    return required.length === 0 ? others : { ...others, required };
  }
  if (first === "[]") return node.items === undefined ? node : { ...node, items: loosened(node.items, rest) };
  const child = node.properties?.[first];
  if (child === undefined) return node;
  return { ...node, properties: { ...node.properties, [first]: loosened(child, rest) } };
}

/** `io.k8s.api.core.v1.Affinity` is "Kubernetes' Affinity (core/v1)". */
function typeLine(name: string): string {
  const [kind = name, version = "", group = ""] = name.split(".").toReversed();
  const isGateway = name.includes(".gateway.");
  return isGateway ? `Gateway API's ${kind} (${version})` : `Kubernetes' ${kind} (${group}/${version})`;
}

function inlined(own: SchemaNode, { name, loosen = [], omit = [], plainLists = [] }: Inline): SchemaNode {
  const base = loosen.reduce((node, path) => loosened(node, path.split(".")), expanded(name));
  const properties = { ...base.properties };
  for (const field of omit) delete properties[field];
  for (const field of plainLists) {
    const { "x-kubernetes-list-type": _type, "x-kubernetes-list-map-keys": _keys, ...plain } = properties[field] ?? {};
    if (properties[field] !== undefined) properties[field] = plain;
  }
  for (const [field, value] of Object.entries(properties))
    properties[field] = { ...value, description: `${typeLine(name)}: ${field}` };
  const required = (base.required ?? []).filter((field) => !omit.includes(field));
  return {
    ...own,
    properties: { ...properties, ...own.properties },
    required: [...new Set([...required, ...(own.required ?? [])])],
  };
}

/** A CRD's map keys must be required or have a default; Kubernetes' port protocol is neither in its own document. */
function withMapKeyDefaults(node: SchemaNode): SchemaNode {
  const keys = node["x-kubernetes-list-map-keys"] as string[] | undefined;
  const protocol = node.items?.properties?.["protocol"];
  if (keys?.includes("protocol") !== true || protocol === undefined) return node;
  const properties = { ...node.items?.properties, protocol: { ...protocol, default: "TCP" } };
  return { ...node, items: { ...node.items, properties } };
}

const isEmptyObject = (value: unknown): boolean =>
  typeof value === "object" && value !== null && Object.keys(value).length === 0;

/** Each definition is expanded once: a pod's is in every kind of ours. Results are shared and never changed. */
const expansions = new Map<string, SchemaNode>();

function expanded(name: string): SchemaNode {
  const known = expansions.get(name);
  if (known !== undefined) return known;
  const made = structural(definition(name));
  expansions.set(name, made);
  return made;
}

const checks: ReadonlySet<string> = new Set([
  "minLength",
  "minItems",
  "minProperties",
  "pattern",
  "x-kubernetes-validations",
]);

/** Parts are shared between pods, so each is copied once. */
const relaxations = new WeakMap<object, SchemaNode>();

/** Without the checks that something half written may fail. */
function relaxedCopy(node: SchemaNode): SchemaNode {
  const known = relaxations.get(node);
  if (known !== undefined) return known;
  const copy: SchemaNode = Object.fromEntries(Object.entries(node).filter(([key]) => !checks.has(key)));
  if (node.properties !== undefined)
    copy.properties = Object.fromEntries(
      Object.entries(node.properties).map(([name, child]) => [name, relaxedCopy(child)]),
    );
  if (node.items !== undefined) copy.items = relaxedCopy(node.items);
  if (typeof node.additionalProperties === "object") copy.additionalProperties = relaxedCopy(node.additionalProperties);
  relaxations.set(node, copy);
  return copy;
}

function expandChildren({ properties, items, additionalProperties }: SchemaNode, result: SchemaNode): void {
  if (properties !== undefined) result.properties = expandProperties(properties);
  if (items !== undefined) result.items = structural(items);
  if (typeof additionalProperties === "object") result.additionalProperties = structural(additionalProperties);
}

/** The node as a CRD may carry it. Parts of the result are shared: treat it as immutable. */
export function structural(node: SchemaNode): SchemaNode {
  const name = definitionName(node);
  const { default: ownDefault, description } = node;
  const plain: SchemaNode =
    name === undefined ? Object.fromEntries(Object.entries(node).filter(([key]) => !key.startsWith("~"))) : {};
  const source = name === undefined ? plain : name in scalars ? definition(name) : expanded(name);
  let result: SchemaNode = Object.fromEntries(Object.entries(source).filter(([key]) => !dropped.has(key)));
  // A definition is expanded as a whole, once.
  if (name === undefined) expandChildren(source, result);
  if (node[inlineKeyword] !== undefined) result = inlined(result, node[inlineKeyword] as Inline);
  // Kubernetes' document gives struct fields the default {}; KServe's CRDs, and so ours, do not.
  const keepsDefault = ownDefault !== undefined && !isEmptyObject(ownDefault);
  if (keepsDefault) result["default"] = ownDefault;
  else delete result["default"];
  const line = description ?? (node[coreKeyword] === undefined ? undefined : typeLine(name ?? ""));
  if (line !== undefined) result["description"] = line;
  // A field may say otherwise than its type does: a PersistentVolume's claimRef is no atomic reference.
  if (name !== undefined && node[mapType] !== undefined) result[mapType] = node[mapType];
  if (result.required?.length === 0) delete result.required;
  const rules = node[rulesKeyword] as readonly ObjectRule[] | undefined;
  if (rules !== undefined)
    result["x-kubernetes-validations"] = rules.map(({ cel, message }) => ({ message, rule: cel }));
  return withMapKeyDefaults(node[relaxedKeyword] === true ? relaxedCopy(result) : result);
}
