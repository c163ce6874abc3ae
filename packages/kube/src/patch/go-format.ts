// SPDX-License-Identifier: Apache-2.0
// How Go prints values: error texts and managedFields keys of Kubernetes are made by `%q`, `%v`, `%#v` and its JSON encoder.
import { isMap, type JsonMap } from "../schema/json.ts";

const named: Record<string, string> = {
  "\u0007": "\\a",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\v": "\\v",
  '"': '\\"',
  "\\": "\\\\",
};

/** `%q`: printable characters stay, the others are escaped. */
export function goQuote(text: string): string {
  const escaped = text.replace(/["\\]|[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu, (char) => {
    const known = named[char];
    if (known !== undefined) return known;
    const code = char.codePointAt(0)!;
    if (code < 0x20 || code === 0x7f) return `\\x${code.toString(16).padStart(2, "0")}`;
    return code > 0xffff ? `\\U${code.toString(16).padStart(8, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
  });
  return `"${escaped}"`;
}

/** `%v` of a number: exponents have at least two digits, and start at 1e+21. */
export function goNumber(value: number): string {
  const text = String(value);
  return text.replace(/e([+-])(\d)$/, "e$10$2");
}

const sortedKeys = (map: JsonMap): string[] => Object.keys(map).sort(compareText);

/** `%v` of a decoded JSON value. */
export function goValue(value: unknown): string {
  if (value === null || value === undefined) return "<nil>";
  if (typeof value === "number") return goNumber(value);
  if (Array.isArray(value)) return `[${value.map(goValue).join(" ")}]`;
  if (isMap(value))
    return `map[${sortedKeys(value)
      .map((key) => `${key}:${goValue(value[key])}`)
      .join(" ")}]`;
  return String(value);
}

/** `%#v` of a decoded JSON value. */
export function goSyntax(value: unknown): string {
  if (value === null || value === undefined) return "interface {}(nil)";
  if (typeof value === "string") return goQuote(value);
  if (typeof value === "number") return goNumber(value);
  if (Array.isArray(value)) return `[]interface {}{${value.map(goSyntax).join(", ")}}`;
  if (isMap(value)) {
    const fields = sortedKeys(value).map((key) => `${goQuote(key)}:${goSyntax(value[key])}`);
    return `map[string]interface {}{${fields.join(", ")}}`;
  }
  return String(value);
}

/** `%T` of a decoded JSON value. */
export function goType(value: unknown): string {
  if (value === null || value === undefined) return "<nil>";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "number") return Number.isInteger(value) ? "int64" : "float64";
  if (Array.isArray(value)) return "[]interface {}";
  return typeof value === "string" ? "string" : "map[string]interface {}";
}

const htmlEscapes: Record<string, string> = {
  "<": "\\u003c",
  ">": "\\u003e",
  "&": "\\u0026",
  "\u2028": "\\u2028",
  "\u2029": "\\u2029",
};

/** JSON as Go writes it: sorted keys; `<`, `>` and `&` escaped. */
export function goJson(value: unknown): string {
  if (typeof value === "string")
    return JSON.stringify(value).replace(/[<>&\u2028\u2029]/g, (char) => htmlEscapes[char]!);
  if (Array.isArray(value)) return `[${value.map(goJson).join(",")}]`;
  if (isMap(value))
    return `{${sortedKeys(value)
      .map((key) => `${goJson(key)}:${goJson(value[key])}`)
      .join(",")}}`;
  return JSON.stringify(value ?? null);
}

const surrogate = /[\ud800-\udfff]/;

/** Order of Go strings (bytes of UTF-8); JavaScript's order differs only where surrogate pairs occur. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  if (!surrogate.test(a) && !surrogate.test(b)) return a < b ? -1 : 1;
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
