// SPDX-License-Identifier: Apache-2.0
// Request tensors as one dense row-major matrix, which is what tree and linear models read.
import { halfToNumber, RequestError, type Tensor } from "@serval/protocol";

export interface Matrix<Data extends Float32Array | Float64Array = Float64Array> {
  readonly rows: number;
  readonly columns: number;
  readonly data: Data;
}

export interface Expectation {
  /** How the model calls itself in messages, for example "SVC". */
  readonly model: string;
  readonly columns: number | undefined;
  readonly names?: readonly string[] | undefined;
}

/** The request's numbers as they came (float32 or float64); `doubles` and `floats` give what an engine computes with. */
export type AnyMatrix = Matrix<Float32Array> | Matrix;
export const doubles = (matrix: AnyMatrix): Matrix =>
  matrix.data instanceof Float64Array ? (matrix as Matrix) : { ...matrix, data: new Float64Array(matrix.data) };
export const floats = (matrix: AnyMatrix): Matrix<Float32Array> =>
  matrix.data instanceof Float32Array
    ? (matrix as Matrix<Float32Array>)
    : { ...matrix, data: new Float32Array(matrix.data) };

/** KServe reads only the first input; several inputs of one column each are a dataframe (`content_type: pd`). */
export function matrixOf(inputs: readonly Tensor[], expected: Expectation): AnyMatrix {
  const first = inputs[0];
  if (first === undefined)
    throw new RequestError(400, `Cannot infer with ${expected.model}: the request has no inputs`);
  const matrix =
    inputs.length > 1 && inputs.every((input) => width(input) === 1)
      ? joined(inputs, expected)
      : single(first, expected);
  if (expected.columns !== undefined && matrix.columns !== expected.columns && matrix.rows > 0) {
    throw new RequestError(
      400,
      `X has ${matrix.columns} features, but ${expected.model} is expecting ${expected.columns} features as input.`,
    );
  }
  if (hasInfinity(matrix.data))
    throw new RequestError(400, `Input X contains infinity. ${expected.model} accepts finite numbers only.`);
  return matrix;
}

// Plain loops: these run over every element of every request.
function hasInfinity(data: Float32Array | Float64Array): boolean {
  for (let i = 0; i < data.length; i++)
    if (data[i] === Number.POSITIVE_INFINITY || data[i] === Number.NEGATIVE_INFINITY) return true;
  return false;
}

export function hasMissing({ data }: AnyMatrix): boolean {
  // biome-ignore lint/suspicious/noSelfCompare: x !== x is the fastest test for NaN on this path.
  for (let i = 0; i < data.length; i++) if (data[i] !== data[i]) return true;
  return false;
}

const width = ({ shape }: Tensor): number => shape.slice(1).reduce((product, size) => product * size, 1);

function single(tensor: Tensor, { model, columns }: Expectation): AnyMatrix {
  const data = numbers(tensor, model);
  const { shape } = tensor;
  if (data.length === 0) return { rows: 0, columns: columns ?? 0, data } as AnyMatrix;
  if (shape.length === 2) return { rows: shape[0]!, columns: shape[1]!, data } as AnyMatrix;
  if (shape.length === 1 && columns === 1) return { rows: shape[0]!, columns: 1, data } as AnyMatrix;
  throw new RequestError(
    400,
    `Expected 2D array, got ${shape.length}D array instead: send one list of ${columns ?? "the"} features per row, as in [[...], [...]]`,
  );
}

function joined(inputs: readonly Tensor[], { model, names }: Expectation): Matrix {
  const ordered = names?.every((name) => inputs.some((input) => input.name === name))
    ? names.map((name) => inputs.find((input) => input.name === name)!)
    : inputs;
  const rows = ordered[0]!.data.length;
  const data = new Float64Array(rows * ordered.length);
  ordered.forEach((input, column) => {
    const values = numbers(input, model);
    if (values.length !== rows)
      throw new RequestError(
        400,
        `Cannot infer with ${model}: input '${input.name}' has ${values.length} values and '${ordered[0]!.name}' has ${rows}`,
      );
    for (let row = 0; row < rows; row++) data[row * ordered.length + column] = values[row]!;
  });
  return { rows, columns: ordered.length, data };
}

function numbers({ name, datatype, data }: Tensor, model: string): Float32Array | Float64Array {
  if (data instanceof Float64Array || data instanceof Float32Array) return data;
  if (datatype === "BYTES")
    throw new RequestError(400, `Cannot infer with ${model}: input '${name}' is BYTES and the model reads numbers`);
  if (datatype === "FP16") return Float64Array.from(data as Uint16Array, halfToNumber);
  return Float64Array.from(data as ArrayLike<number>, Number);
}
