// SPDX-License-Identifier: Apache-2.0
// Defaults and the first problem of a configuration section, for the keywords that its schemas use (a test holds every
// section against TypeBox's own checker, which takes longer to load than the whole control plane).
import type { TSchema } from "typebox";

interface Node {
  readonly type?: "object" | "array" | "string" | "boolean" | "integer";
  readonly properties?: Readonly<Record<string, Node>>;
  readonly required?: readonly string[];
  readonly items?: Node;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly default?: unknown;
}

export interface SchemaProblem {
  /** `.ingress.pathTemplate`, `.list.0`; empty: the value itself. */
  readonly path: string;
  readonly message: string;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** A copy with every absent field at its default; values of a wrong type stay as they are. */
export function withDefaults(schema: TSchema, value: unknown): unknown {
  const { properties, items, default: fallback } = schema as Node;
  if (value === undefined) return structuredClone(fallback);
  if (Array.isArray(value)) return value.map((item) => (items === undefined ? item : withDefaults(items, item)));
  if (!isObject(value)) return value;
  const filled: Record<string, unknown> = { ...value };
  for (const [name, field] of Object.entries(properties ?? {})) {
    const known = withDefaults(field, value[name]);
    if (known !== undefined) filled[name] = known;
  }
  return filled;
}

const matches: Readonly<Record<string, (value: unknown) => boolean>> = {
  object: isObject,
  array: Array.isArray,
  string: (value) => typeof value === "string",
  boolean: (value) => typeof value === "boolean",
  integer: Number.isInteger,
};

function ownProblem({ type, enum: values, minimum, maximum, required }: Node, value: unknown): string | undefined {
  if (type !== undefined && matches[type]?.(value) !== true) return `must be ${type}`;
  if (values !== undefined && !values.includes(value)) return "must be equal to one of the allowed values";
  if (minimum !== undefined && (value as number) < minimum) return `must be >= ${minimum}`;
  if (maximum !== undefined && (value as number) > maximum) return `must be <= ${maximum}`;
  const missing = (required ?? []).filter((name) => (value as Record<string, unknown>)[name] === undefined);
  return missing.length === 0 ? undefined : `must have required properties ${missing.join(", ")}`;
}

/** undefined: the value is what the schema says. */
export function firstProblem(schema: TSchema, value: unknown, path = ""): SchemaProblem | undefined {
  const message = ownProblem(schema as Node, value);
  if (message !== undefined) return { path, message };
  const { properties = {}, items } = schema as Node;
  const fields: [string, Node | undefined, unknown][] = Array.isArray(value)
    ? value.map((item, index) => [String(index), items, item])
    : isObject(value)
      ? Object.entries(value).map(([name, field]) => [name, properties[name], field])
      : [];
  for (const [name, node, field] of fields) {
    const found = node === undefined || field === undefined ? undefined : firstProblem(node, field, `${path}.${name}`);
    if (found !== undefined) return found;
  }
  return undefined;
}
