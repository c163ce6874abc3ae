// SPDX-License-Identifier: Apache-2.0
// ONNX models in ONNX Runtime (onnxruntime-node, fetched by ../engines.ts when the first ONNX model is served).
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import {
  type Datatype,
  elementSize,
  type ModelMetadata,
  type NumericData,
  RequestError,
  type Tensor,
  type TensorData,
  type TensorMetadata,
} from "@serval/protocol";
import { ModelError, type PredictiveModel } from "../model.ts";
import { findModelFile } from "../model-file.ts";

interface OrtTensor {
  readonly type: string;
  readonly dims: readonly number[];
  readonly data: TensorData;
}
interface OrtValue {
  readonly name: string;
  readonly isTensor: boolean;
  readonly type?: string;
  readonly shape?: ReadonlyArray<number | string>;
}
interface Session {
  readonly inputMetadata: readonly OrtValue[];
  readonly outputMetadata: readonly OrtValue[];
  run(feeds: Readonly<Record<string, OrtTensor>>): Promise<Readonly<Record<string, OrtTensor>>>;
  release(): Promise<void>;
}
interface Ort {
  InferenceSession: { create(path: string, options: Readonly<Record<string, unknown>>): Promise<Session> };
  Tensor: new (type: string, data: unknown, dims: readonly number[]) => OrtTensor;
}

export interface OnnxOptions {
  readonly engineDir: () => Promise<string>;
  readonly threads?: number;
}

/** ONNX Runtime's names for the datatypes of the protocol. */
const types: Readonly<Record<string, Datatype>> = {
  float32: "FP32",
  float64: "FP64",
  float16: "FP16",
  int8: "INT8",
  int16: "INT16",
  int32: "INT32",
  int64: "INT64",
  uint8: "UINT8",
  uint16: "UINT16",
  uint32: "UINT32",
  uint64: "UINT64",
  bool: "BOOL",
  string: "BYTES",
};
const typeOf = (datatype: Datatype): string => Object.keys(types).find((type) => types[type] === datatype)!;

export class OnnxModel implements PredictiveModel {
  readonly kind = "predictive";
  private readonly path: string;
  private readonly options: OnnxOptions;
  private session: Session | undefined;
  private ort: Ort | undefined;

  constructor(path: string, options: OnnxOptions) {
    this.path = path;
    this.options = options;
  }

  async load(): Promise<void> {
    const file = await findModelFile(this.path, [".onnx"]);
    // Since 1.30 it reports each start to its maker unless told not to; what a model serves is nobody else's business.
    process.env["ORT_DISABLE_TELEMETRY"] ??= "1";
    const module = (await import(
      pathToFileURL(join(await this.options.engineDir(), "node_modules/onnxruntime-node/dist/index.js")).href
    )) as { default: Ort };
    this.ort = module.default;
    try {
      this.session = await this.ort.InferenceSession.create(file, {
        intraOpNumThreads: this.options.threads ?? 1,
        interOpNumThreads: 1,
        logSeverityLevel: 3,
      });
    } catch (error) {
      throw new ModelError(
        `Cannot load the model: ONNX Runtime refused ${file} (${error instanceof Error ? error.message : String(error)}); check that it is a complete ONNX file`,
      );
    }
    const complex = this.session.outputMetadata.find((output) => !output.isTensor);
    if (complex !== undefined) {
      throw new ModelError(
        `Cannot serve the model: its output "${complex.name}" is not a tensor; export it again with skl2onnx and options={"zipmap": False}`,
      );
    }
  }

  get ready(): boolean {
    return this.session !== undefined;
  }

  metadata(): ModelMetadata {
    const { session } = this.loaded();
    return {
      platform: "onnxruntime_onnx",
      inputs: session.inputMetadata.map(describe),
      outputs: session.outputMetadata.map(describe),
    };
  }

  async infer(inputs: readonly Tensor[]): Promise<readonly Tensor[]> {
    const { session, ort } = this.loaded();
    const feeds = Object.fromEntries(
      session.inputMetadata.map((expected, at) => [
        expected.name,
        toOrt(ort, expected, pick(inputs, expected, { at, count: session.inputMetadata.length })),
      ]),
    );
    let results: Readonly<Record<string, OrtTensor>>;
    try {
      results = await session.run(feeds);
    } catch (error) {
      // What ONNX Runtime refuses at this point is the shape of the inputs.
      throw new RequestError(
        400,
        `Cannot infer with the ONNX model: ${(error instanceof Error ? error.message : String(error)).slice(0, 500)}`,
      );
    }
    return session.outputMetadata.map(({ name }) => fromOrt(name, results[name]!));
  }

  async unload(): Promise<void> {
    const { session } = this;
    this.session = undefined;
    await session?.release();
  }

  private loaded(): { session: Session; ort: Ort } {
    if (this.session === undefined || this.ort === undefined)
      throw new ModelError("Cannot infer: the ONNX model is not loaded");
    return { session: this.session, ort: this.ort };
  }
}

const describe = ({ name, type, shape }: OrtValue): TensorMetadata => ({
  name,
  datatype: types[type ?? ""] ?? "BYTES",
  shape: (shape ?? []).map((size) => (typeof size === "number" && size >= 0 ? size : -1)),
});

/** By name; a model with one input takes the first whatever its name, which is how V1 instances arrive. */
function pick(inputs: readonly Tensor[], expected: OrtValue, { at, count }: { at: number; count: number }): Tensor {
  const found =
    inputs.find(({ name }) => name === expected.name) ??
    (count === 1 || inputs.every(({ name }) => name.startsWith("input-")) ? inputs[at] : undefined);
  if (found !== undefined) return found;
  throw new RequestError(
    400,
    `Cannot infer with the ONNX model: input '${expected.name}' is missing; it got ${inputs.map(({ name }) => `'${name}'`).join(", ") || "none"}`,
  );
}

function toOrt(ort: Ort, expected: OrtValue, tensor: Tensor): OrtTensor {
  const type = expected.type ?? typeOf(tensor.datatype);
  const datatype = types[type];
  if (datatype === undefined)
    throw new RequestError(
      400,
      `Cannot infer with the ONNX model: input '${expected.name}' has the type ${type}, which the protocol cannot carry`,
    );
  if ((datatype === "BYTES") !== (tensor.datatype === "BYTES"))
    throw new RequestError(
      400,
      `Cannot infer with the ONNX model: input '${expected.name}' is ${datatype}, not ${tensor.datatype}`,
    );
  if (datatype === "BYTES")
    return new ort.Tensor("string", Array.from(tensor.data as readonly (string | Uint8Array)[], text), tensor.shape);
  const data = tensor.datatype === datatype ? tensor.data : converted(tensor, datatype as Exclude<Datatype, "BYTES">);
  return new ort.Tensor(type, data, tensor.shape);
}

const text = (value: string | Uint8Array): string =>
  typeof value === "string" ? value : new TextDecoder().decode(value);

/** V1 numbers arrive as FP64 and become what the model reads. */
function converted({ name, data }: Tensor, datatype: Exclude<Datatype, "BYTES">): NumericData {
  const values = data as ArrayLike<number | bigint>;
  switch (datatype) {
    case "FP32":
      return Float32Array.from(values, Number);
    case "FP64":
      return Float64Array.from(values, Number);
    case "INT64":
      return BigInt64Array.from(values, integer);
    case "UINT64":
      return BigUint64Array.from(values, integer);
    case "INT32":
      return Int32Array.from(values, Number);
    case "INT16":
      return Int16Array.from(values, Number);
    case "INT8":
      return Int8Array.from(values, Number);
    case "UINT32":
      return Uint32Array.from(values, Number);
    case "UINT16":
      return Uint16Array.from(values, Number);
    case "UINT8":
    case "BOOL":
      return Uint8Array.from(values, Number);
    default:
      throw new RequestError(
        400,
        `Cannot infer with the ONNX model: input '${name}' must be sent as ${datatype} (${elementSize(datatype)} bytes) in binary`,
      );
  }
}

function integer(value: number | bigint): bigint {
  if (typeof value === "bigint") return value;
  if (Number.isFinite(value)) return BigInt(Math.trunc(value));
  throw new RequestError(400, `Cannot infer with the ONNX model: ${value} is not an integer`);
}

function fromOrt(name: string, { type, dims, data }: OrtTensor): Tensor {
  const datatype = types[type];
  if (datatype === undefined)
    throw new ModelError(`the output ${name} has the type ${type}, which the protocol cannot carry`);
  return { name, datatype, shape: dims, data };
}
