// SPDX-License-Identifier: Apache-2.0
// JSON in and out where plain JSON.parse/stringify differ from KServe's bytes: 64-bit integers, floats that
// print as 1.0, NaN as null. Output is built by hand because this is the hot path of every prediction.
import { RequestError } from "./request-error.ts";
import { halfToNumber, type Tensor, type TensorData } from "./tensor.ts";

/** Cheap, and true for every text that has a long integer: the exact question is asked only then. */
const LONG_DIGITS = /\d{16}/;
const LONG_INTEGER = /(?<![.\deE+-])-?\d{16,}(?![.\deE])/;

/** Parses a body. `exact`: integers that a double cannot hold become bigint (INT64 and UINT64 are exact in KServe). */
export function parseJson(text: string, exact = false): unknown {
  try {
    return exact && LONG_DIGITS.test(text) && LONG_INTEGER.test(text) ? parseExact(text) : JSON.parse(text);
  } catch (error) {
    throw new RequestError(
      400,
      `Unrecognized request format: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

/** The reviver's third argument (its source text) is in Node >= 21; TypeScript's library does not declare it yet. */
type SourceReviver = (key: string, value: unknown, context: { source?: string }) => unknown;
const exactIntegers: SourceReviver = (_key, value, { source }) =>
  typeof value === "number" && source !== undefined && !Number.isSafeInteger(value) && /^-?\d+$/.test(source)
    ? BigInt(source)
    : value;
const parseExact = (text: string): unknown =>
  JSON.parse(text, exactIntegers as (key: string, value: unknown) => unknown);

/** One float as orjson prints it: `1.0`, the shortest digits of the double, null for NaN and infinities. */
export function floatText(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e16) return Object.is(value, -0) ? "-0.0" : `${value}.0`;
  return Number.isFinite(value) ? `${value}` : "null";
}

export function elementText(datatype: Tensor["datatype"], data: TensorData, at: number): string {
  const value = data[at];
  if (datatype === "FP32" || datatype === "FP64") return floatText(value as number);
  if (datatype === "BOOL") return value ? "true" : "false";
  if (datatype === "FP16") return floatText(halfToNumber(value as number));
  if (datatype === "BYTES")
    return JSON.stringify(typeof value === "string" ? value : new TextDecoder().decode(value as Uint8Array));
  return `${value}`;
}

/** `[1.0,2.0]`: all elements in a flat list. */
export function flatText({ datatype, data }: Tensor): string {
  let text = "[";
  for (let i = 0; i < data.length; i++)
    text += i === 0 ? elementText(datatype, data, i) : `,${elementText(datatype, data, i)}`;
  return `${text}]`;
}

/** `[[1.0],[2.0]]`: elements nested by the shape, as V1 predictions are. */
export function nestedText(tensor: Tensor): string {
  const { shape, datatype, data } = tensor;
  if (shape.length <= 1) return flatText(tensor);
  let at = 0;
  const level = (axis: number): string => {
    if (axis === shape.length) return elementText(datatype, data, at++);
    let text = "[";
    const size = shape[axis]!;
    for (let i = 0; i < size; i++) text += i === 0 ? level(axis + 1) : `,${level(axis + 1)}`;
    return `${text}]`;
  };
  return level(0);
}
