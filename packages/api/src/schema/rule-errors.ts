// SPDX-License-Identifier: Apache-2.0
// The rules of a schema's nodes over an object: what a real API server finds by evaluating their CEL. Only nodes of our
// own schema values are walked; Kubernetes' and other projects' definitions carry no rules of ours.
import { type ObjectRule, rulesKeyword } from "./makers.ts";
import type { SchemaNode } from "./structural.ts";

export interface RuleError {
  /** `spec.prefill.scaling`, `spec.list[0]`. */
  readonly path: string;
  readonly message: string;
  /** How Kubernetes shows the value: its JSON type for structures, the value itself otherwise. */
  readonly value: string;
}

interface Step {
  readonly schema: SchemaNode;
  readonly value: unknown;
  readonly old: unknown;
  readonly path: string;
}

const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const shown = (value: unknown): string =>
  Array.isArray(value) ? '"array"' : isMap(value) ? '"object"' : JSON.stringify(value);

function broken({ schema, value, old, path }: Step): RuleError[] {
  const rules = (schema[rulesKeyword] ?? []) as readonly ObjectRule[];
  return rules
    .filter(
      ({ holds, isTransition = false }) => !(isTransition && old === undefined) && !holds(value as never, old as never),
    )
    .map(({ message }) => ({ path, message, value: shown(value) }));
}

function children({ schema, value, old, path }: Step): Step[] {
  if (Array.isArray(value))
    // Lists that are not maps have no previous items to compare with (Kubernetes).
    return value.map((item, index) => ({
      schema: schema.items ?? {},
      value: item,
      old: undefined,
      path: `${path}[${index}]`,
    }));
  if (!isMap(value)) return [];
  const before = isMap(old) ? old : {};
  return Object.entries(schema.properties ?? {}).map(([name, child]) => ({
    schema: child,
    value: value[name],
    old: before[name],
    path: path === "" ? name : `${path}.${name}`,
  }));
}

/** Every broken rule, outermost first. `old`: the object's previous version, absent on create. */
export function ruleErrors(schema: SchemaNode, value: unknown, old?: unknown): RuleError[] {
  const found: RuleError[] = [];
  const pending: Step[] = [{ schema, value, old, path: "" }];
  for (let step = pending.shift(); step !== undefined; step = pending.shift()) {
    if (step.value === undefined || step.value === null) continue;
    found.push(...broken(step));
    pending.push(...children(step));
  }
  return found;
}

/** Whether any node has a rule. */
export const hasRules = (schema: SchemaNode): boolean =>
  schema[rulesKeyword] !== undefined ||
  Object.values(schema.properties ?? {}).some(hasRules) ||
  (schema.items !== undefined && hasRules(schema.items));
