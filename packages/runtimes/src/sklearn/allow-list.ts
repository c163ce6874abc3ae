// SPDX-License-Identifier: Apache-2.0
// The only names that a pickle may mention, and what each one builds. Everything else is refused with its name and
// the alternative. Adding an estimator is one line here and one evaluator in estimators.ts.
import { ModelError } from "../model.ts";
import { type ByteReader, PickleError } from "./byte-reader.ts";
import type { PickleHooks } from "./pickle.ts";
import { readPickle } from "./pickle.ts";
import {
  arrayLength,
  type DtypeField,
  elements,
  NumpyArray,
  NumpyDtype,
  numberIn,
  PyGlobal,
  PyObject,
  PyTuple,
  type PyValue,
} from "./py-value.ts";

/** Estimators that estimators.ts can evaluate. Module paths as scikit-learn 0.22 and newer writes them. */
const estimators = [
  "sklearn.linear_model._base.LinearRegression",
  "sklearn.linear_model._ridge.Ridge",
  "sklearn.linear_model._logistic.LogisticRegression",
  "sklearn.svm._classes.SVC",
  "sklearn.svm._classes.SVR",
  "sklearn.tree._classes.DecisionTreeClassifier",
  "sklearn.tree._classes.DecisionTreeRegressor",
  "sklearn.ensemble._forest.RandomForestClassifier",
  "sklearn.ensemble._forest.RandomForestRegressor",
  "sklearn.preprocessing._data.StandardScaler",
  "sklearn.preprocessing._data.MinMaxScaler",
  "sklearn.pipeline.Pipeline",
  "sklearn.tree._tree.Tree",
] as const;

const ARRAY_WRAPPER = "joblib.numpy_pickle.NumpyArrayWrapper";
/** numpy moved numpy.core to numpy._core in 2.0; both names are read. */
const builders = [
  "numpy.ndarray",
  "numpy.dtype",
  "numpy._core.multiarray._reconstruct",
  "numpy._core.multiarray.scalar",
  "numpy._core.numeric._frombuffer",
  "_codecs.encode",
  "copy_reg._reconstructor",
  "copyreg._reconstructor",
  "__builtin__.object",
  "builtins.object",
  ARRAY_WRAPPER,
] as const;
const allowed: ReadonlySet<string> = new Set<string>([...estimators, ...builders]);

export const supportedEstimators: readonly string[] = estimators
  .map((path) => path.slice(path.lastIndexOf(".") + 1))
  .filter((name) => name !== "Tree");

export const hooks: PickleHooks = {
  global(module, name) {
    const path = `${module}.${name}`.replace(/^numpy\.core\./, "numpy._core.");
    if (allowed.has(path)) return new PyGlobal(path);
    throw new ModelError(
      `Cannot load the model: the file needs the Python class ${JSON.stringify(`${module}.${name}`.slice(0, 120))}, which is not among those that are read without running Python (${supportedEstimators.join(", ")}). ` +
        "Nothing of the file was executed. Serve it with the MLServer runtime (runtime: kserve-mlserver, protocolVersion: v2), or export it with skl2onnx and use modelFormat onnx",
    );
  },
  reduce,
  build,
};

function reduce({ path }: PyGlobal, args: readonly PyValue[]): PyValue {
  switch (path) {
    case "numpy._core.multiarray._reconstruct":
      return new NumpyArray();
    case "numpy.dtype":
      return new NumpyDtype(kindOf(args[0]));
    case "numpy._core.multiarray.scalar":
      return scalar(args[0], args[1]);
    case "numpy._core.numeric._frombuffer":
      return fromBuffer(args);
    case "_codecs.encode":
      return latin1(args);
    case "copy_reg._reconstructor":
    case "copyreg._reconstructor":
      if (args[0] instanceof PyGlobal) return new PyObject(args[0], []);
      throw new PickleError("_reconstructor without a class");
    case "sklearn.tree._tree.Tree":
      return new PyObject(new PyGlobal(path), args);
    default:
      throw new PickleError(`${path} is called as a function`);
  }
}

/** "f8", "<f8", "O8", "<U12", "V64"; protocol 2 writes the bool type as "b1". */
function kindOf(value: PyValue | undefined): string {
  const kind = String(value).replace(/^[<>|=]/, "");
  if (/^([fiub][1248]|U\d{1,5}|O8|O|V\d{1,6})$/.test(kind)) return kind === "O" ? "O8" : kind;
  throw new PickleError(`the numpy type ${JSON.stringify(String(value).slice(0, 40))} is not supported`);
}

function scalar(dtype: PyValue | undefined, bytes: PyValue | undefined): PyValue {
  if (!(dtype instanceof NumpyDtype && bytes instanceof Uint8Array))
    throw new PickleError("a numpy scalar without its bytes");
  const array = new NumpyArray();
  array.dtype = dtype;
  array.content = bytes;
  array.shape = [1];
  return elements(array)[0]!;
}

/** numpy's protocol 5 form: (buffer, dtype, shape, order). */
function fromBuffer([buffer, dtype, shape, order]: readonly PyValue[]): NumpyArray {
  if (!(buffer instanceof Uint8Array && dtype instanceof NumpyDtype))
    throw new PickleError("an array without its buffer");
  const array = new NumpyArray();
  array.content = buffer;
  array.dtype = dtype;
  array.shape = shapeOf(shape);
  array.fortran = order === "F";
  return array;
}

/** Protocol 2 writes bytes as `_codecs.encode(text, "latin1")`. */
function latin1([text, encoding]: readonly PyValue[]): Uint8Array {
  if (typeof text !== "string" || (encoding !== "latin1" && encoding !== "latin-1"))
    throw new PickleError("_codecs.encode of something else than latin1");
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function shapeOf(value: PyValue | undefined): readonly number[] {
  const items = value instanceof PyTuple ? value.items : [];
  const shape = items.map((item) => numberIn(item, "a shape"));
  if (
    shape.length > 8 ||
    shape.some((size) => !Number.isInteger(size) || size < 0) ||
    shape.reduce((product, size) => product * size, 1) > 2 ** 31
  ) {
    throw new PickleError("an array of an impossible shape");
  }
  return shape;
}

function build(target: PyValue, state: PyValue, reader: ByteReader): PyValue {
  if (target instanceof NumpyDtype) return buildDtype(target, state);
  if (target instanceof NumpyArray) return buildArray(target, state);
  if (!(target instanceof PyObject)) throw new PickleError("a state for what is not an object");
  target.state = state instanceof PyTuple ? (state.items[0] ?? null) : state;
  return target.type.path === ARRAY_WRAPPER ? inlineArray(target, reader) : target;
}

/** (version, byte order, subdtype, names, fields, itemsize, alignment, flags) */
function buildDtype(dtype: NumpyDtype, state: PyValue): NumpyDtype {
  const items = state instanceof PyTuple ? state.items : [];
  dtype.littleEndian = items[1] !== ">";
  const [names, fields, itemSize] = [items[3], items[4], items[5]];
  if (names instanceof PyTuple && fields instanceof Map) {
    dtype.itemSize = numberIn(itemSize, "an item size");
    dtype.fields = names.items.map((name): DtypeField => {
      const entry = fields.get(name);
      if (!(entry instanceof PyTuple && entry.items[0] instanceof NumpyDtype))
        throw new PickleError("a numpy field without a type");
      const field = { name: String(name), kind: entry.items[0].kind, offset: numberIn(entry.items[1], "an offset") };
      if (field.offset + entry.items[0].itemSize > dtype.itemSize)
        throw new PickleError("a numpy field outside its item");
      return field;
    });
  }
  return dtype;
}

/** (version, shape, dtype, is Fortran order, raw data or list) */
function buildArray(array: NumpyArray, state: PyValue): NumpyArray {
  const items = state instanceof PyTuple ? state.items : [];
  const [shape, dtype, fortran, content] = items.slice(1);
  if (!(dtype instanceof NumpyDtype)) throw new PickleError("an array without a type");
  if (!(content instanceof Uint8Array || Array.isArray(content))) throw new PickleError("an array without data");
  array.shape = shapeOf(shape);
  array.dtype = dtype;
  array.fortran = fortran === true;
  array.content = content;
  return array;
}

/** joblib writes an array's bytes into the stream right after its wrapper (joblib: numpy_pickle.py read_array). */
function inlineArray(wrapper: PyObject, reader: ByteReader): NumpyArray {
  const dtype = wrapper.attribute("dtype");
  if (!(dtype instanceof NumpyDtype)) throw new PickleError("a joblib array without a type");
  if (dtype.kind === "O8") {
    const nested = readPickle(reader, hooks);
    if (nested instanceof NumpyArray) return nested;
    throw new PickleError("a joblib object array that is none");
  }
  const array = new NumpyArray();
  array.shape = shapeOf(wrapper.attribute("shape"));
  array.dtype = dtype;
  array.fortran = wrapper.attribute("order") === "F";
  const alignment = wrapper.attribute("numpy_array_alignment_bytes");
  if (alignment !== null && alignment !== undefined) reader.bytes(reader.byte());
  array.content = reader.bytes(arrayLength(array) * dtype.itemSize);
  return array;
}
