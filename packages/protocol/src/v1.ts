// SPDX-License-Identifier: Apache-2.0
// KServe's V1 protocol: `{"instances": [...]}` in, `{"predictions": [...]}` out (kserve: python/kserve/kserve/utils).
import { nestedText } from "./json.ts";
import { RequestError } from "./request-error.ts";
import type { Tensor } from "./tensor.ts";

export type V1Payload = Readonly<Record<string, unknown>>;

/** KServe's body check: an object, and `instances` a list where it is given. */
export function checkV1(body: unknown): V1Payload {
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw new RequestError(400, 'Unrecognized request format: expected a JSON object such as {"instances": [[1, 2]]}');
  }
  const payload = body as V1Payload;
  if ("instances" in payload && !Array.isArray(payload["instances"])) {
    throw new RequestError(400, 'Expected "instances" to be a list');
  }
  return payload;
}

/** `inputs` is preferred over `instances`, as get_predict_input does. */
export function instancesOf(payload: V1Payload): readonly unknown[] {
  const list = payload["inputs"] ?? payload["instances"];
  if (Array.isArray(list)) return list;
  throw new RequestError(400, 'Cannot predict: the body has no "instances"; send {"instances": [[...], ...]}');
}

/** Numbers become one FP64 tensor, rows of names one column each, strings a BYTES tensor. */
export function tensorsFromInstances(instances: readonly unknown[]): readonly Tensor[] {
  const first = instances[0];
  if (Array.isArray(first) && (first.length === 0 || typeof first[0] !== "object" || first[0] === null))
    return [matrix(instances, first.length)];
  if (typeof first === "string") return [strings(instances)];
  if (isRow(first)) return columns(instances);
  if (Array.isArray(first) && isRow(first[0])) return columns(instances.flat());
  return [cube(instances)];
}

const isRow = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function matrix(rows: readonly unknown[], width: number): Tensor {
  const data = new Float64Array(rows.length * width);
  let at = 0;
  for (let r = 0; r < rows.length; r++) {
    const row = rows[r];
    if (!Array.isArray(row) || row.length !== width) throw ragged(r, width, row);
    for (let c = 0; c < width; c++) {
      const value: unknown = row[c];
      data[at++] = typeof value === "number" ? value : number(value, `instances[${r}][${c}]`);
    }
  }
  return { name: "input-0", datatype: "FP64", shape: [rows.length, width], data };
}

function ragged(row: number, width: number, value: unknown): RequestError {
  const found = Array.isArray(value) ? `${value.length} values` : JSON.stringify(value)?.slice(0, 60);
  return new RequestError(400, `Cannot read instances[${row}]: it has ${found} where instances[0] has ${width} values`);
}

function number(value: unknown, where: string): number {
  if (typeof value === "number") return value;
  if (value === null) return Number.NaN;
  if (typeof value === "boolean" || typeof value === "bigint") return Number(value);
  const parsed = typeof value === "string" && value.trim() !== "" ? Number(value) : Number.NaN;
  if (!Number.isNaN(parsed)) return parsed;
  throw new RequestError(400, `Cannot read ${where}: ${JSON.stringify(value)?.slice(0, 60)} is not a number`);
}

function strings(instances: readonly unknown[]): Tensor {
  const data = instances.map((value, at) => {
    if (typeof value === "string") return value;
    throw new RequestError(400, `Cannot read instances[${at}]: instances[0] is a string and this is not`);
  });
  return { name: "input-0", datatype: "BYTES", shape: [data.length], data };
}

/** Rows as objects. Values may be scalars or arrays (`{"a":[1],"b":[2]}`, what pandas needs). */
function columns(rows: readonly unknown[]): readonly Tensor[] {
  const names = Object.keys(rows[0] as object);
  return names.map((name) => {
    const values = rows.flatMap((row, at) => {
      if (!isRow(row) || !(name in row))
        throw new RequestError(400, `Cannot read instances[${at}]: the column "${name}" is missing`);
      const value = row[name];
      return Array.isArray(value) ? (value as unknown[]) : [value];
    });
    const text = typeof values[0] === "string";
    const data = text
      ? values.map(String)
      : Float64Array.from(values, (value, at) => number(value, `instances[${at}].${name}`));
    return { name, datatype: text ? "BYTES" : "FP64", shape: [values.length], data } as Tensor;
  });
}

/** Any number of dimensions (also zero instances). */
function cube(instances: readonly unknown[]): Tensor {
  const shape: number[] = [];
  for (let level: unknown = instances; Array.isArray(level); level = level[0]) {
    shape.push(level.length);
    if (shape.length > 16)
      throw new RequestError(400, "Cannot read the instances: they are nested more than 16 levels deep");
  }
  const data: number[] = [];
  const walk = (level: unknown, axis: number): void => {
    if (axis === shape.length) data.push(number(level, "instances"));
    else if (!Array.isArray(level) || level.length !== shape[axis])
      throw new RequestError(400, "Cannot read the instances: they do not all have the same shape");
    else for (const value of level) walk(value, axis + 1);
  };
  walk(instances, 0);
  return { name: "input-0", datatype: "FP64", shape, data: Float64Array.from(data) };
}

/** One output is the list itself; several outputs are rows of named values, as a dataframe result is. */
export function predictionsBody(outputs: readonly Tensor[]): string {
  if (outputs.length === 1) return `{"predictions":${nestedText(outputs[0]!)}}`;
  const rows = outputs[0]?.shape[0] ?? 0;
  const parts = outputs.map((tensor) => {
    const { data } = tensor;
    const size = rows === 0 ? 0 : data.length / rows;
    return Array.from({ length: rows }, (_, row) =>
      nestedText({
        ...tensor,
        shape: tensor.shape.slice(1),
        data: data.slice(row * size, (row + 1) * size) as Tensor["data"],
      }),
    ).map((text) => `${JSON.stringify(tensor.name)}:${tensor.shape.length > 1 ? text : text.slice(1, -1)}`);
  });
  return `{"predictions":[${Array.from({ length: rows }, (_, row) => `{${parts.map((part) => part[row]).join(",")}}`).join(",")}]}`;
}
