// SPDX-License-Identifier: Apache-2.0
// What a process may do with an API, as data that stands beside the code that does it, and the RBAC rules made of it.
// Pure.
import type { ResourceType } from "./object.ts";

export type Verb = "create" | "delete" | "get" | "list" | "patch" | "update" | "watch";

export interface Right {
  readonly type: Pick<ResourceType, "group" | "plural">;
  readonly subresource?: string;
  readonly verbs: readonly Verb[];
  /** Only these objects. `create` cannot be limited so, `list` and `watch` only where a field selector names the object. */
  readonly names?: readonly string[];
  /** Only in the namespace of Serval itself. */
  readonly isOwnNamespace?: true;
  /** When it is needed, where no everyday use shows it. */
  readonly why?: string;
}

export interface PolicyRule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

const resourceOf = ({ type, subresource }: Right): string =>
  subresource === undefined ? type.plural : `${type.plural}/${subresource}`;

const sorted = (values: Iterable<string>): string[] => [...new Set(values)].toSorted();

/** Collects what has the same key. */
function grouped<T>(items: readonly T[], keyOf: (item: T) => string): T[][] {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return [...groups.values()];
}

/** What is allowed on one resource: on every object, and besides on those of these names. */
interface Grant {
  readonly group: string;
  readonly resource: string;
  readonly names: readonly string[];
  readonly verbs: readonly string[];
}

/** Verbs that every object is open to are not granted by name again. */
function grantsOf(rights: readonly Right[]): Grant[] {
  const [first] = rights as [Right];
  const base = { group: first.type.group, resource: resourceOf(first) };
  const open = sorted(rights.filter(({ names }) => names === undefined).flatMap(({ verbs }) => verbs));
  const named = sorted(rights.flatMap(({ names = [] }) => names)).map((name) => ({
    name,
    verbs: sorted(
      rights
        .filter(({ names }) => names?.includes(name))
        .flatMap(({ verbs }) => verbs.filter((verb) => !open.includes(verb))),
    ),
  }));
  const byVerbs = grouped(
    named.filter(({ verbs }) => verbs.length > 0),
    ({ verbs }) => verbs.join(),
  );
  return [
    ...(open.length === 0 ? [] : [{ ...base, names: [], verbs: open }]),
    ...byVerbs.map((same) => ({ ...base, names: same.map(({ name }) => name), verbs: same[0]?.verbs ?? [] })),
  ];
}

/** The shortest list of rules that grants exactly these rights, in an order that does not depend on theirs. */
export function policyRules(rights: readonly Right[]): PolicyRule[] {
  const grants = grouped(rights, (right) => `${right.type.group}/${resourceOf(right)}`).flatMap(grantsOf);
  const rules = grouped(grants, ({ group, names, verbs }) => JSON.stringify([group, names, verbs])).map((same) => {
    const [{ group, names, verbs }] = same as [Grant];
    return {
      apiGroups: [group],
      resources: sorted(same.map(({ resource }) => resource)),
      ...(names.length === 0 ? {} : { resourceNames: names }),
      verbs,
    };
  });
  const text = (rule: PolicyRule): string => JSON.stringify([rule.apiGroups, rule.resources, rule.resourceNames ?? []]);
  return rules.toSorted((a, b) => (text(a) < text(b) ? -1 : 1));
}
