// SPDX-License-Identifier: Apache-2.0
// Whether an object has the shape that its schema gives to merging: known fields, the right kinds, unique list keys.
// Semantics and texts: structured-merge-diff typed/validate.go.
import { isMap, type JsonMap } from "../../schema/json.ts";
import { goSyntax, goType, goValue } from "../go-format.ts";
import { elementText, type PathElement } from "../path-element.ts";
import { type Atom, atomFor, type ListAtom, type MapAtom, type Scalar } from "./atom.ts";
import { itemElement } from "./list-item.ts";

interface Finding {
  path: string;
  readonly message: string;
}

/** Kubernetes' text for everything wrong with the object; undefined: it is well-formed. */
export function shapeError(value: unknown, atom: Atom, options: { allowDuplicates: boolean }): string | undefined {
  const findings = check(value, atom, options.allowDuplicates);
  if (findings.length === 0) return undefined;
  const lines = findings.map(({ path, message }) => (path === "" ? message : `${path}: ${message}`));
  return lines.length === 1 ? lines[0]! : ["errors:", ...lines.map((line) => `  ${line}`)].join("\n");
}

const none: Finding[] = [];
const finding = (message: string, path = ""): Finding[] => [{ path, message }];
const goReflect = (value: unknown): string => `&value.valueUnstructured{Value:${goSyntax(value)}}`;

function check(value: unknown, atom: Atom, allowDuplicates: boolean): Finding[] {
  const narrowed = atomFor(atom, value);
  if (narrowed.map !== undefined) return checkMap(value, narrowed.map, allowDuplicates);
  if (narrowed.scalar !== undefined) return checkScalar(value, narrowed.scalar);
  return checkList(value, narrowed.list!, allowDuplicates);
}

function checkScalar(value: unknown, scalar: Scalar): Finding[] {
  if (value === null) return none;
  const type = typeof value;
  if (scalar === "numeric" && type !== "number")
    return finding(`expected numeric (int or float), got ${goType(value)}`);
  if (scalar === "string" && type !== "string") return finding(`expected string, got ${goReflect(value)}`);
  if (scalar === "boolean" && type !== "boolean") return finding(`expected boolean, got &{${goValue(value)}}`);
  if (scalar === "untyped" && type === "object") return finding(`expected any scalar, got &{${goValue(value)}}`);
  return none;
}

function checkMap(value: unknown, map: MapAtom, allowDuplicates: boolean): Finding[] {
  if (value === null) return none;
  if (!isMap(value)) return finding(`expected map, got &{${goValue(value)}}`);
  let findings = none;
  for (const key in value) {
    const type = map.fields.get(key)?.atom ?? map.element;
    if (type === undefined) return [...findings, ...finding("field not declared in schema", `.${key}`)];
    findings = append(findings, check(value[key], type, allowDuplicates), () => `.${key}`);
  }
  return findings;
}

function append(findings: Finding[], more: Finding[], prefix: () => string): Finding[] {
  if (more.length === 0) return findings;
  const text = prefix();
  for (const one of more) one.path = text + one.path;
  return [...findings, ...more];
}

function checkList(value: unknown, list: ListAtom, allowDuplicates: boolean): Finding[] {
  if (value === null) return none;
  if (!Array.isArray(value)) return finding(`expected list, got &{${goValue(value)}}`);
  let findings = none;
  const seen = new Set<PathElement>();
  for (let i = 0; i < value.length; i++) {
    const element = list.relationship === "atomic" ? `i:${i}` : elementOrFinding(list, value as JsonMap[], i);
    if (typeof element !== "string") return [...findings, ...element];
    if (seen.has(element) && !allowDuplicates) {
      findings = [...findings, ...finding(`duplicate entries for key ${elementText(element)}`)];
    }
    seen.add(element);
    findings = append(findings, check(value[i], list.element, allowDuplicates), () => elementText(element));
  }
  return findings;
}

function elementOrFinding(list: ListAtom, items: JsonMap[], index: number): PathElement | Finding[] {
  try {
    return itemElement(list, items[index]);
  } catch (error) {
    return finding(`element ${index}: ${(error as Error).message}`);
  }
}
