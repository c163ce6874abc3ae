// SPDX-License-Identifier: Apache-2.0
// The part of Go's text/template that KServe's templates use: `{{ .Name }}`, `{{ .Labels.key }}` and
// `{{ index .Annotations "a/b" }}`. Everything else is refused by name, never rendered wrongly.

export type TemplateValues = Readonly<Record<string, unknown>>;
export class TemplateError extends Error {
  override readonly name: string = "TemplateError";
}

const action = /\{\{-?\s*([\s\S]*?)\s*-?\}\}/g;
const fieldPath = /^\.[A-Za-z_][\w]*(\.[A-Za-z_][\w-]*)*$/;
const indexCall = /^index\s+(\.[A-Za-z_]\w*)\s+(?:`([^`]*)`|"([^"\\]*)")$/;
const missing = "<no value>";

const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function textOf(value: unknown): string {
  return value === undefined || value === null
    ? missing
    : typeof value === "object"
      ? JSON.stringify(value)
      : `${value}`;
}

function evaluate(expression: string, values: TemplateValues): string {
  const call = indexCall.exec(expression);
  if (call !== null) {
    const map = values[(call[1] ?? "").slice(1)];
    // KServe: `index` of a missing key is the zero value, not "<no value>".
    return isMap(map) && Object.hasOwn(map, call[2] ?? call[3] ?? "") ? textOf(map[call[2] ?? call[3] ?? ""]) : "";
  }
  if (!fieldPath.test(expression))
    throw new TemplateError(
      `cannot render "{{${expression}}}": only {{.Field}}, {{.Map.key}} and {{index .Map "key"}} are known`,
    );
  const [first = "", ...rest] = expression.slice(1).split(".");
  if (!Object.hasOwn(values, first))
    throw new TemplateError(`can't evaluate field ${first}: known fields are ${Object.keys(values).join(", ")}`);
  let value: unknown = values[first];
  for (const key of rest) value = isMap(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  return textOf(value);
}

/** @throws TemplateError for an unknown field or construct. A missing map key renders `<no value>`, as in Go. */
export const renderTemplate = (template: string, values: TemplateValues): string =>
  template.replace(action, (_, expression: string) => evaluate(expression, values));

/** Renders every string inside a JSON value; keys stay. */
export function renderDeep<T>(value: T, values: TemplateValues): T {
  if (typeof value === "string") return renderTemplate(value, values) as T;
  if (Array.isArray(value)) return value.map((item) => renderDeep(item, values)) as T;
  if (!isMap(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, renderDeep(item, values)])) as T;
}
