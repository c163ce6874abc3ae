// SPDX-License-Identifier: Apache-2.0
// Tensors of the Open Inference Protocol on typed arrays: datatypes, conversion from JSON values, checks of shape.
import { RequestError } from "./request-error.ts";

export type Datatype =
  | "BOOL"
  | "UINT8"
  | "UINT16"
  | "UINT32"
  | "UINT64"
  | "INT8"
  | "INT16"
  | "INT32"
  | "INT64"
  | "FP16"
  | "FP32"
  | "FP64"
  | "BYTES";

/** BOOL is one byte per element, FP16 keeps the raw half floats; both as they travel in the binary extension. */
export type NumericData =
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Float32Array
  | Float64Array;
export type BytesData = ReadonlyArray<string | Uint8Array>;
export type TensorData = NumericData | BytesData;

export interface Tensor {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  readonly data: TensorData;
}

interface NumericKind {
  readonly size: number;
  readonly min: number;
  readonly max: number;
  allocate(length: number): NumericData;
  view(bytes: ArrayBuffer): NumericData;
}

const kind = (
  array: { new (length: number): NumericData; new (buffer: ArrayBuffer): NumericData; BYTES_PER_ELEMENT: number },
  min = Number.NEGATIVE_INFINITY,
  max = Number.POSITIVE_INFINITY,
): NumericKind => ({
  size: array.BYTES_PER_ELEMENT,
  min,
  max,
  allocate: (length) => new array(length),
  view: (bytes) => new array(bytes),
});

const kinds: Readonly<Record<Exclude<Datatype, "BYTES">, NumericKind>> = {
  BOOL: kind(Uint8Array),
  UINT8: kind(Uint8Array, 0, 255),
  UINT16: kind(Uint16Array, 0, 65_535),
  UINT32: kind(Uint32Array, 0, 4_294_967_295),
  UINT64: kind(BigUint64Array, 0, 2 ** 64),
  INT8: kind(Int8Array, -128, 127),
  INT16: kind(Int16Array, -32_768, 32_767),
  INT32: kind(Int32Array, -2_147_483_648, 2_147_483_647),
  INT64: kind(BigInt64Array, -(2 ** 63), 2 ** 63),
  FP16: kind(Uint16Array),
  FP32: kind(Float32Array),
  FP64: kind(Float64Array),
};

/** KServe upper-cases datatype names; an unknown one is the client's mistake (400). */
export function datatypeOf(text: string): Datatype {
  const name = text.toUpperCase();
  if (name === "BYTES" || Object.hasOwn(kinds, name)) return name as Datatype;
  throw new RequestError(
    400,
    `invalid datatype ${text} in the input; use one of ${Object.keys(kinds).join(", ")}, BYTES`,
  );
}

export const elementSize = (datatype: Exclude<Datatype, "BYTES">): number => kinds[datatype].size;

/** A tensor's elements from raw little-endian bytes (copied, so that alignment never matters). */
export function numericFromBytes(datatype: Exclude<Datatype, "BYTES">, bytes: Uint8Array): NumericData {
  const whole = bytes.byteLength - (bytes.byteLength % kinds[datatype].size);
  const copy = new Uint8Array(whole);
  copy.set(bytes.subarray(0, whole));
  return kinds[datatype].view(copy.buffer);
}

/** Elements of a JSON `data` array, nested or flat, as KServe's numpy conversion takes them. */
export function dataFromJson(name: string, datatype: Datatype, json: readonly unknown[]): TensorData {
  const flat = flatten(json);
  if (datatype === "BYTES") return flat.map((value) => (typeof value === "string" ? value : String(value)));
  const data = kinds[datatype].allocate(flat.length);
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) fillBig(name, datatype, flat, data);
  else fillNumbers(name, datatype, flat, data);
  return data;
}

function fillNumbers(
  name: string,
  datatype: Exclude<Datatype, "BYTES">,
  flat: readonly unknown[],
  data: NumericData,
): void {
  const { min, max } = kinds[datatype];
  const integral = max !== Number.POSITIVE_INFINITY;
  for (let i = 0; i < flat.length; i++) {
    const value = flat[i];
    const number = typeof value === "number" ? value : numberOf(name, datatype, value, integral);
    if (number < min || number > max) throw outOfBounds(name, datatype, number);
    data[i] = datatype === "BOOL" ? Number(number !== 0) : number;
  }
}

function fillBig(
  name: string,
  datatype: Datatype,
  flat: readonly unknown[],
  data: BigInt64Array | BigUint64Array,
): void {
  const [min, max] = datatype === "INT64" ? [-(2n ** 63n), 2n ** 63n - 1n] : [0n, 2n ** 64n - 1n];
  for (let i = 0; i < flat.length; i++) {
    const value = flat[i];
    const big = typeof value === "bigint" ? value : BigInt(Math.trunc(numberOf(name, datatype, value, true)));
    if (big < min || big > max) throw outOfBounds(name, datatype, big);
    data[i] = big;
  }
}

/** numpy's coercions: "1" is 1, true is 1, null is NaN where the datatype has one. */
function numberOf(name: string, datatype: Datatype, value: unknown, integral: boolean): number {
  if (typeof value === "number") return value;
  if (typeof value === "bigint") return Number(value);
  if (typeof value === "boolean") return Number(value);
  if (value === null && !integral && datatype !== "BOOL") return Number.NaN;
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : Number.NaN;
  if (Number.isNaN(number)) {
    throw new RequestError(400, `Cannot read input '${name}': ${JSON.stringify(value)} is not a ${datatype} value`);
  }
  return number;
}

const outOfBounds = (name: string, datatype: Datatype, value: number | bigint): RequestError =>
  new RequestError(400, `Cannot read input '${name}': ${value} is out of bounds for ${datatype}`);

function flatten(json: readonly unknown[]): readonly unknown[] {
  // Arrays further back in a list of values are refused by the conversion of the element.
  if (!Array.isArray(json[0])) return json;
  const out: unknown[] = [];
  const walk = (level: readonly unknown[], depth: number): void => {
    if (depth > 32) throw new RequestError(400, "Cannot read the data: it is nested more than 32 levels deep");
    for (const value of level) {
      if (Array.isArray(value)) walk(value, depth + 1);
      else out.push(value);
    }
  };
  walk(json, 0);
  return out;
}

/** The true shape (one dimension may be -1), or the client's mistake (KServe: 500, numpy's reshape error). */
export function shapeFor(name: string, shape: readonly number[], count: number): readonly number[] {
  let product = 1;
  let open = -1;
  shape.forEach((size, at) => {
    if (size === -1 && open === -1) open = at;
    else product *= size;
  });
  if (open === -1 && product === count) return shape;
  if (open !== -1 && product > 0 && count % product === 0) return shape.with(open, count / product);
  throw new RequestError(
    400,
    `cannot reshape array of size ${count} into shape (${shape.join(",")}${shape.length === 1 ? "," : ""}) for input '${name}'`,
  );
}

/** FP16 bits to a number (IEEE 754 binary16). */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
