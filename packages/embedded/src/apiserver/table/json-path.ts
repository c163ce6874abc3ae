// SPDX-License-Identifier: Apache-2.0
// The JSONPath of `additionalPrinterColumns`: fields, indexes, wildcards and one-condition filters. No recursion, no
// scripts. Source: k8s.io/client-go/util/jsonpath, apiextensions-apiserver/pkg/registry/customresource/tableconvertor

type Step = (value: unknown) => unknown[];
export type JsonPath = (value: unknown) => unknown[];

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const field =
  (name: string): Step =>
  (value) =>
    isRecord(value) && Object.hasOwn(value, name) ? [value[name]] : [];
const index =
  (at: number): Step =>
  (value) =>
    Array.isArray(value) && value.at(at) !== undefined ? [value.at(at)] : [];
const all: Step = (value) => (Array.isArray(value) ? value : isRecord(value) ? Object.values(value) : []);

const comparisons: Record<string, (left: unknown, right: unknown) => boolean> = {
  "==": (left, right) => left === right,
  "!=": (left, right) => left !== right,
  ">": (left, right) => Number(left) > Number(right),
  "<": (left, right) => Number(left) < Number(right),
  ">=": (left, right) => Number(left) >= Number(right),
  "<=": (left, right) => Number(left) <= Number(right),
};

function literal(text: string): unknown {
  const quoted = /^(['"])(.*)\1$/s.exec(text);
  if (quoted !== null) return quoted[2];
  if (text === "true" || text === "false") return text === "true";
  return text.trim() !== "" && !Number.isNaN(Number(text)) ? Number(text) : text;
}

/** `@.type=="Ready"`, or `@.type` alone: exists. */
function filter(condition: string): Step {
  const compared = /^\s*@(.*?)\s*(==|!=|>=|<=|>|<)\s*(.+?)\s*$/s.exec(condition);
  const path = parseJsonPath((compared?.[1] ?? condition.trim().replace(/^@/, "")) || ".");
  const holds = compared === null ? undefined : comparisons[compared[2] as string];
  const wanted = compared === null ? undefined : literal(compared[3] as string);
  return (value) =>
    (Array.isArray(value) ? value : []).filter((item) => {
      const found = path(item);
      return holds === undefined ? found.length > 0 : found.some((candidate) => holds(candidate, wanted));
    });
}

function bracket(inner: string): Step {
  const text = inner.trim();
  if (text === "*") return all;
  const condition = /^\?\((.*)\)$/s.exec(text);
  if (condition !== null) return filter(condition[1] as string);
  const quoted = /^(['"])(.*)\1$/s.exec(text);
  if (quoted !== null) return field(quoted[2] as string);
  if (/^-?\d+$/.test(text)) return index(Number(text));
  throw new Error(`unsupported subscript [${inner}]`);
}

/** Position of the "]" that closes the bracket opened at `open`, quotes respected. */
function closing(path: string, open: number): number {
  let quote = "";
  for (let at = open + 1; at < path.length; at++) {
    const char = path[at] as string;
    if (quote !== "") {
      if (char === quote) quote = "";
    } else if (char === "'" || char === '"') quote = char;
    else if (char === "]") return at;
  }
  throw new Error("unterminated array");
}

/** @throws Error when the path is not one that columns may use. */
export function parseJsonPath(path: string): JsonPath {
  const text = path.replace(/^\{(.*)\}$/s, "$1").replace(/^\$/, "");
  const steps: Step[] = [];
  for (let at = 0; at < text.length; ) {
    if (text[at] === "[") {
      const end = closing(text, at);
      steps.push(bracket(text.slice(at + 1, end)));
      at = end + 1;
      continue;
    }
    const name = /^\.?((?:\\.|[^.[\\])*)/s.exec(text.slice(at))?.[0] ?? "";
    if (name === "") throw new Error(`unexpected ${JSON.stringify(text[at])}`);
    const unescaped = name.replace(/^\./, "").replace(/\\(.)/g, "$1");
    if (unescaped === "*") steps.push(all);
    else if (unescaped !== "") steps.push(field(unescaped));
    at += name.length;
  }
  return (value) => steps.reduce<unknown[]>((values, step) => values.flatMap(step), [value]);
}
