// SPDX-License-Identifier: Apache-2.0
// Open Inference Protocol (V2) over REST with the binary tensor extension: parse requests, write responses.
// Field order and nulls are KServe's (kserve: python/kserve/kserve/protocol/infer_type.py), which clients compare.
import { flatText, parseJson } from "./json.ts";
import { RequestError, schemaError } from "./request-error.ts";
import {
  type BytesData,
  type Datatype,
  dataFromJson,
  datatypeOf,
  numericFromBytes,
  shapeFor,
  type Tensor,
} from "./tensor.ts";

export type Parameter = string | number | boolean;
export type Parameters = Readonly<Record<string, Parameter>>;

export interface RequestedOutput {
  readonly name: string;
  readonly binary: boolean;
}
export interface InferRequest {
  readonly id: string | undefined;
  readonly parameters: Parameters | undefined;
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly RequestedOutput[] | undefined;
}
export interface InferResponse {
  readonly modelName: string;
  readonly id: string;
  readonly parameters: Parameters | undefined;
  readonly outputs: readonly Tensor[];
}
export interface TensorMetadata {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
}
export interface ModelMetadata {
  readonly platform: string;
  readonly inputs: readonly TensorMetadata[];
  readonly outputs: readonly TensorMetadata[];
}
export interface EncodedResponse {
  readonly body: string | Uint8Array;
  /** Set when at least one output is binary: the value of `Inference-Header-Content-Length`. */
  readonly headerLength: number | undefined;
}

type Json = Readonly<Record<string, unknown>>;
const LOC = ["body", "InferenceRequest"] as const;
const asObject = (value: unknown): Json | undefined =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : undefined;

/** `raw` is what follows the JSON part in the binary extension; undefined means that the whole body is JSON. */
export function parseInferRequest(text: string, model: string, raw?: Uint8Array): InferRequest {
  if (text === "") throw schemaError("missing", ["body"], "Field required");
  // Looking for long integers costs more than the parsing, so only where a tensor can hold them.
  const json = asObject(parseJson(text, text.includes("INT64") || text.includes("int64")));
  if (json === undefined) throw schemaError("model_type", LOC, "Input should be an object");
  const context: InputContext = { model, raw: raw === undefined ? undefined : { bytes: raw, at: 0 } };
  const inputs = json["inputs"];
  if (!Array.isArray(inputs)) throw schemaError("missing", [...LOC, "inputs"], "Field required: a list of tensors");
  return {
    id: json["id"] === undefined || json["id"] === null ? undefined : String(json["id"]),
    parameters: parametersOf(json["parameters"], [...LOC, "parameters"]),
    inputs: inputs.map((input, at) => parseInput(input, at, context)),
    outputs: requestedOutputs(json["outputs"]),
  };
}

interface InputContext {
  readonly model: string;
  readonly raw: { readonly bytes: Uint8Array; at: number } | undefined;
}

function parseInput(input: unknown, at: number, context: InputContext): Tensor {
  const loc = [...LOC, "inputs", at];
  const json = asObject(input);
  if (json === undefined) throw schemaError("model_type", loc, "Input should be an object");
  for (const field of ["name", "shape", "datatype"]) {
    if (json[field] === undefined) throw schemaError("missing", [...loc, field], "Field required");
  }
  const { name, shape } = json;
  if (typeof name !== "string") throw schemaError("string_type", [...loc, "name"], "Input should be a valid string");
  if (!Array.isArray(shape) || !shape.every((size) => Number.isInteger(size) && (size as number) >= -1)) {
    throw schemaError("list_type", [...loc, "shape"], "Input should be a list of integers");
  }
  const datatype = datatypeOf(String(json["datatype"]));
  const parameters = parametersOf(json["parameters"], [...loc, "parameters"]);
  const data = json["data"];
  if (data === undefined && context.raw !== undefined)
    return binaryInput({ name, datatype, shape: shape as number[] }, parameters, context);
  if (data === undefined) throw schemaError("missing", [...loc, "data"], "Field required");
  if (!Array.isArray(data)) throw schemaError("list_type", [...loc, "data"], "Input should be a valid list");
  if (datatype === "FP16" && data.length > 0) {
    throw new RequestError(
      400,
      `Sending FP16 data via JSON is not supported. Please use the binary data format for input ${name}`,
    );
  }
  const values = dataFromJson(name, datatype, data);
  return { name, datatype, shape: shapeFor(name, shape as number[], values.length), data: values };
}

function binaryInput(head: TensorMetadata, parameters: Parameters | undefined, { model, raw }: InputContext): Tensor {
  const size = parameters?.["binary_data_size"];
  if (size === undefined)
    throw new RequestError(400, `'data' field is missing for input '${head.name}' for model '${model}'`);
  if (typeof size !== "number" || !Number.isInteger(size) || size < 0) {
    throw new RequestError(400, `'binary_data_size' is not a byte count for input '${head.name}' for model '${model}'`);
  }
  const bytes = raw!.bytes.subarray(raw!.at, raw!.at + size);
  raw!.at += size;
  const data = head.datatype === "BYTES" ? splitBytes(head.name, bytes) : numericFromBytes(head.datatype, bytes);
  return { ...head, shape: shapeFor(head.name, head.shape, data.length), data };
}

/** BYTES on the wire: a little-endian uint32 length before each element. */
function splitBytes(name: string, bytes: Uint8Array): BytesData {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const out: Uint8Array[] = [];
  for (let at = 0; at < bytes.byteLength; ) {
    const length = at + 4 <= bytes.byteLength ? view.getUint32(at, true) : Number.POSITIVE_INFINITY;
    if (at + 4 + length > bytes.byteLength) {
      throw new RequestError(400, `Cannot read input '${name}': an element ends after its ${bytes.byteLength} bytes`);
    }
    out.push(bytes.slice(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return out;
}

function parametersOf(value: unknown, loc: ReadonlyArray<string | number>): Parameters | undefined {
  if (value === undefined || value === null) return undefined;
  const json = asObject(value);
  if (json === undefined) throw schemaError("dict_type", loc, "Input should be a valid dictionary");
  for (const [key, entry] of Object.entries(json)) {
    if (typeof entry !== "string" && typeof entry !== "number" && typeof entry !== "boolean") {
      throw schemaError("string_type", [...loc, key], "Input should be a string, a number or a boolean");
    }
  }
  return json as Parameters;
}

function requestedOutputs(value: unknown): readonly RequestedOutput[] | undefined {
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value)) throw schemaError("list_type", [...LOC, "outputs"], "Input should be a valid list");
  return value.map((entry, at) => {
    const json = asObject(entry);
    const name = json?.["name"];
    if (typeof name !== "string") throw schemaError("missing", [...LOC, "outputs", at, "name"], "Field required");
    return {
      name,
      binary: parametersOf(json?.["parameters"], [...LOC, "outputs", at, "parameters"])?.["binary_data"] === true,
    };
  });
}

/** The response, restricted to the requested outputs in their order; binary where the request asked for it. */
export function encodeInferResponse(response: InferResponse, request: InferRequest): EncodedResponse {
  const chosen = request.outputs?.map(({ name, binary }) => {
    const tensor = response.outputs.find((output) => output.name === name);
    if (tensor === undefined)
      throw new RequestError(400, `Unexpected inference output '${name}' for model '${response.modelName}'`);
    return { tensor, binary };
  });
  const all = request.parameters?.["binary_data_output"] === true;
  const outputs = chosen ?? response.outputs.map((tensor) => ({ tensor, binary: all }));
  for (const { tensor, binary } of outputs) {
    if (tensor.datatype === "FP16" && !binary) {
      throw new RequestError(
        400,
        `Sending FP16 data via JSON is not supported. Please use the binary data format for output ${tensor.name}`,
      );
    }
  }
  return outputs.some(({ binary }) => binary)
    ? encodeBinary(response, outputs)
    : { body: encodeJson(response, outputs), headerLength: undefined };
}

type Chosen = ReadonlyArray<{ readonly tensor: Tensor; readonly binary: boolean }>;

function encodeJson({ modelName, id, parameters }: InferResponse, outputs: Chosen): string {
  let text = `{"model_name":${JSON.stringify(modelName)},"model_version":null,"id":${JSON.stringify(id)},"parameters":${
    parameters === undefined ? "null" : JSON.stringify(parameters)
  },"outputs":[`;
  outputs.forEach(({ tensor }, at) => {
    text += `${at === 0 ? "" : ","}{"name":${JSON.stringify(tensor.name)},"shape":[${tensor.shape.join(",")}],"datatype":"${
      tensor.datatype
    }","parameters":null,"data":${flatText(tensor)}}`;
  });
  return `${text}]}`;
}

function encodeBinary({ modelName, id, parameters }: InferResponse, outputs: Chosen): EncodedResponse {
  const raw: Uint8Array[] = [];
  const heads = outputs.map(({ tensor, binary }) => {
    const head = `{"name":${JSON.stringify(tensor.name)},"shape":[${tensor.shape.join(",")}],"datatype":"${tensor.datatype}"`;
    if (!binary) return `${head},"data":${flatText(tensor)}}`;
    const bytes = rawBytes(tensor);
    raw.push(bytes);
    return `${head},"parameters":{"binary_data_size":${bytes.byteLength}}}`;
  });
  const tail = parameters === undefined ? "" : `,"parameters":${JSON.stringify(parameters)}`;
  const json = new TextEncoder().encode(
    `{"id":${JSON.stringify(id)},"model_name":${JSON.stringify(modelName)},"model_version":null,"outputs":[${heads.join(",")}]${tail}}`,
  );
  return { body: concat([json, ...raw]), headerLength: json.byteLength };
}

function rawBytes({ data }: Tensor): Uint8Array {
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const encoder = new TextEncoder();
  return concat(
    (data as BytesData).flatMap((value) => {
      const bytes = typeof value === "string" ? encoder.encode(value) : value;
      const length = new Uint8Array(4);
      new DataView(length.buffer).setUint32(0, bytes.byteLength, true);
      return [length, bytes];
    }),
  );
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.byteLength;
  }
  return out;
}

export const metadataBody = (name: string, { platform, inputs, outputs }: ModelMetadata): string =>
  JSON.stringify({
    name,
    versions: null,
    platform,
    inputs: inputs.map(metadataItem),
    outputs: outputs.map(metadataItem),
  });

const metadataItem = ({ name, datatype, shape }: TensorMetadata): TensorMetadata => ({ name, datatype, shape });
