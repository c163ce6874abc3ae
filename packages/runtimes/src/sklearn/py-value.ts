// SPDX-License-Identifier: Apache-2.0
// Python values as they come out of a pickle: plain data, names, and objects that are only a class name with a state.
import { PickleError } from "./byte-reader.ts";

export class PyTuple {
  readonly items: readonly PyValue[];
  constructor(items: readonly PyValue[]) {
    this.items = items;
  }
}

/** A class or function: only its name. */
export class PyGlobal {
  readonly path: string;
  constructor(path: string) {
    this.path = path;
  }
}

export class PyObject {
  readonly type: PyGlobal;
  readonly args: readonly PyValue[];
  state: PyValue = null;
  constructor(type: PyGlobal, args: readonly PyValue[]) {
    this.type = type;
    this.args = args;
  }

  /** The last part of the class path, for example "SVC". */
  get className(): string {
    return this.type.path.slice(this.type.path.lastIndexOf(".") + 1);
  }

  attribute(name: string): PyValue | undefined {
    return this.state instanceof Map ? this.state.get(name) : undefined;
  }
}

export interface DtypeField {
  readonly name: string;
  readonly kind: string;
  readonly offset: number;
}

export class NumpyDtype {
  /** "f8", "i8", "u1", "b1", "U12", "O8", or "V64" with fields. */
  readonly kind: string;
  littleEndian = true;
  itemSize: number;
  fields: readonly DtypeField[] = [];
  constructor(kind: string) {
    this.kind = kind;
    this.itemSize = Number(kind.slice(1)) * (kind[0] === "U" ? 4 : 1);
  }
}

export class NumpyArray {
  shape: readonly number[] = [];
  dtype: NumpyDtype = new NumpyDtype("f8");
  fortran = false;
  /** Raw bytes, or the elements where dtype is object. */
  content: Uint8Array | readonly PyValue[] = new Uint8Array(0);
}

export type PyValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PyTuple
  | PyGlobal
  | PyObject
  | NumpyDtype
  | NumpyArray
  | PyValue[]
  | Map<PyValue, PyValue>
  | Set<PyValue>;

export function numberIn(value: PyValue | undefined, what: string): number {
  if (typeof value === "number") return value;
  if (typeof value === "bigint" || typeof value === "boolean") return Number(value);
  if (value instanceof NumpyArray && arrayLength(value) === 1) return Number(elements(value)[0]);
  throw new PickleError(`${what} is not a number`);
}

export function arrayLength(array: NumpyArray): number {
  return array.shape.reduce((product, size) => product * size, 1);
}

/** All elements in row-major order; integers as numbers. */
export function elements(array: NumpyArray): ReadonlyArray<number | string> {
  const { dtype, content } = array;
  const length = arrayLength(array);
  if (!(content instanceof Uint8Array))
    return content.map((value) => (typeof value === "number" || typeof value === "string" ? value : String(value)));
  if (content.byteLength !== length * dtype.itemSize)
    throw new PickleError(`an array of ${content.byteLength} bytes where ${length * dtype.itemSize} are expected`);
  const view = new DataView(content.buffer, content.byteOffset, content.byteLength);
  const read = elementReader(dtype.kind, view, dtype.littleEndian);
  const flat = Array.from({ length }, (_, at) => read(at * dtype.itemSize));
  return array.fortran ? rowMajor(flat, array.shape) : flat;
}

export function floats(value: PyValue | undefined, what: string): Float64Array {
  if (!(value instanceof NumpyArray)) throw new PickleError(`${what} is not an array`);
  return Float64Array.from(elements(value), Number);
}

/** One field of a structured array, as numbers. */
export function field(array: NumpyArray, name: string): Float64Array | undefined {
  const found = array.dtype.fields.find((candidate) => candidate.name === name);
  if (found === undefined) return undefined;
  const { content, dtype } = array;
  const length = arrayLength(array);
  if (!(content instanceof Uint8Array) || content.byteLength !== length * dtype.itemSize)
    throw new PickleError("a structured array of the wrong size");
  const view = new DataView(content.buffer, content.byteOffset, content.byteLength);
  const read = elementReader(found.kind, view, dtype.littleEndian);
  return Float64Array.from({ length }, (_, at) => Number(read(at * dtype.itemSize + found.offset)));
}

function elementReader(kind: string, view: DataView, little: boolean): (at: number) => number | string {
  switch (kind) {
    case "f8":
      return (at) => view.getFloat64(at, little);
    case "f4":
      return (at) => view.getFloat32(at, little);
    case "i8":
      return (at) => Number(view.getBigInt64(at, little));
    case "u8":
      return (at) => Number(view.getBigUint64(at, little));
    case "i4":
      return (at) => view.getInt32(at, little);
    case "u4":
      return (at) => view.getUint32(at, little);
    case "i2":
      return (at) => view.getInt16(at, little);
    case "i1":
      return (at) => view.getInt8(at);
    case "u1":
    case "b1":
      return (at) => view.getUint8(at);
    default:
      if (kind[0] === "U") return (at) => unicode(view, at, Number(kind.slice(1)));
      throw new PickleError(`arrays of the numpy type ${kind} are not supported`);
  }
}

function unicode(view: DataView, at: number, length: number): string {
  let text = "";
  for (let i = 0; i < length; i++) {
    const point = view.getUint32(at + 4 * i, true);
    if (point === 0) break;
    if (point > 0x10ffff) throw new PickleError("a string that is not UTF-32");
    text += String.fromCodePoint(point);
  }
  return text;
}

function rowMajor(flat: Array<number | string>, shape: readonly number[]): Array<number | string> {
  if (shape.length < 2) return flat;
  const strides: number[] = [];
  shape.reduce((stride, size) => {
    strides.push(stride);
    return stride * size;
  }, 1);
  const out: Array<number | string> = [];
  const walk = (axis: number, offset: number): void => {
    if (axis === shape.length) out.push(flat[offset]!);
    else for (let i = 0; i < shape[axis]!; i++) walk(axis + 1, offset + i * strides[axis]!);
  };
  walk(0, 0);
  return out;
}
