// SPDX-License-Identifier: Apache-2.0
// The constraints on single values: types, numbers, strings, formats, enums.
// Semantics: kube-openapi pkg/validation/validate (type.go, validator.go, values.go).
import { goNumber } from "../patch/go-format.ts";
import { type Finding, invalid, invalidType, Outcome, tooLong, unsupported } from "./finding.ts";
import { hasFormat, isCheckedFormat } from "./format.ts";
import { jsonEqual } from "./json.ts";
import { goPattern } from "./pattern.ts";
import type { Schema } from "./schema.ts";

/** The types that a schema names; `x-kubernetes-int-or-string` names two. */
export function typesOf(schema: Schema): readonly string[] {
  if (schema["x-kubernetes-int-or-string"] === true || schema.format === "int-or-string") return ["integer", "string"];
  return schema.type === undefined ? [] : [schema.type];
}

/** Formats that Kubernetes does not check count as none. */
export const formatOf = ({ format }: Schema): string => (format !== undefined && isCheckedFormat(format) ? format : "");

function jsonType(value: unknown): { type: string; format: string } {
  if (typeof value === "boolean") return { type: "boolean", format: "" };
  if (typeof value === "string") return { type: "string", format: "" };
  if (typeof value === "number") {
    return Number.isInteger(value) ? { type: "integer", format: "int64" } : { type: "number", format: "float64" };
  }
  return { type: Array.isArray(value) ? "array" : "object", format: "" };
}

export function checkType(value: unknown, schema: Schema, name: string): Outcome {
  const types = typesOf(schema);
  const passed = new Outcome();
  passed.fitting = 1;
  if (value === null) {
    const allowed = types.length === 0 || schema.nullable === true;
    return allowed ? passed : Outcome.of(invalidType(name, types.join(","), "null"));
  }
  const format = formatOf(schema);
  const actual = jsonType(value);
  const isNumeric = types.includes("number") || types.includes("integer");
  const fits = types.includes(actual.type) || (actual.type === "integer" && types.includes("number"));
  const isText = typeof value === "string" || Array.isArray(value);
  if (!isText && format !== "" && !fits) return Outcome.of(invalidType(name, format, actual.format));
  if (isText && format !== "" && !isNumeric) return passed; // the format alone decides
  return fits ? passed : Outcome.of(invalidType(name, types.join(","), actual.type));
}

/** The first violation only. */
export function checkString(text: string, schema: Schema, name: string): Outcome | undefined {
  const length = [...text].length;
  if (schema.maxLength !== undefined && length > schema.maxLength) return Outcome.of(tooLong(name, schema.maxLength));
  if (schema.minLength !== undefined && length < schema.minLength) {
    return Outcome.of(invalid(name, text, `should be at least ${schema.minLength} chars long`));
  }
  if (schema.pattern !== undefined && schema.pattern !== "" && goPattern(schema.pattern)?.test(text) === false) {
    return Outcome.of(invalid(name, text, `should match '${schema.pattern}'`));
  }
  return undefined;
}

export function checkFormat(text: string, format: string, name: string): Outcome | undefined {
  return hasFormat(text, format) ? undefined : Outcome.of(invalidType(name, format, text));
}

export function checkNumber(value: number, schema: Schema, name: string): Outcome {
  const outcome = new Outcome();
  for (const finding of [
    notMultiple(value, schema, name),
    tooSmall(value, schema, name),
    tooLarge(value, schema, name),
  ]) {
    if (finding !== undefined) outcome.add(finding);
  }
  outcome.fitting++;
  return outcome;
}

/** Limits of integers are integers, too. */
const limitFor = (value: number, limit: number): number => (Number.isInteger(value) ? Math.trunc(limit) : limit);

function tooLarge(value: number, { maximum, exclusiveMaximum = false }: Schema, name: string): Finding | undefined {
  if (maximum === undefined) return undefined;
  const limit = limitFor(value, maximum);
  if (exclusiveMaximum ? value < limit : value <= limit) return undefined;
  return invalid(name, value, `should be less than ${exclusiveMaximum ? "" : "or equal to "}${goNumber(limit)}`);
}

function tooSmall(value: number, { minimum, exclusiveMinimum = false }: Schema, name: string): Finding | undefined {
  if (minimum === undefined) return undefined;
  const limit = limitFor(value, minimum);
  if (exclusiveMinimum ? value > limit : value >= limit) return undefined;
  return invalid(name, value, `should be greater than ${exclusiveMinimum ? "" : "or equal to "}${goNumber(limit)}`);
}

function notMultiple(value: number, { multipleOf }: Schema, name: string): Finding | undefined {
  if (multipleOf === undefined) return undefined;
  const factor = limitFor(value, multipleOf);
  if (factor <= 0) {
    const finding = invalid(name, factor, "");
    const text = `factor MultipleOf declared for ${name} must be positive: ${goNumber(factor)}`;
    return { text, error: { ...finding.error, message: `Invalid value: ${goNumber(factor)}: ${text}` } };
  }
  const quotient = factor < 1 ? (1 / factor) * value : value / factor;
  const isMultiple = Number.isInteger(value) ? value % factor === 0 : isWhole(quotient);
  return isMultiple ? undefined : invalid(name, value, `should be a multiple of ${goNumber(factor)}`);
}

/** 0.3 / 0.1 counts as whole: equal to an integer to a part in 10^9. */
function isWhole(value: number): boolean {
  const floor = Math.trunc(value);
  if (value === floor) return true;
  if (floor === 0 || value < 0) return false;
  return (value - floor) / (value + floor) < 1e-9;
}

export function checkEnum(value: unknown, { enum: allowed }: Schema, name: string): Outcome | undefined {
  if (allowed === undefined || allowed.length === 0) return undefined;
  const isAllowed = value !== null && allowed.some((one) => one !== null && isSame(value, one));
  return isAllowed ? undefined : Outcome.of(unsupported(name, value, allowed));
}

/** Kubernetes converts the value to the type of the allowed one, so that 1.5 is the integer 1 here. */
const isSame = (value: unknown, allowed: unknown): boolean =>
  typeof value === "number" && typeof allowed === "number" && Number.isInteger(allowed)
    ? Math.trunc(value) === allowed
    : jsonEqual(value, allowed);
