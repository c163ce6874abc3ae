// SPDX-License-Identifier: Apache-2.0
// scikit-learn as a predictive model: reads joblib and pickle files without running Python, answers like KServe's
// sklearnserver (kserve: python/sklearnserver/sklearnserver/model.py; PREDICT_PROBA=true gives probabilities).
import { gunzipSync, inflateSync } from "node:zlib";
import { type ModelMetadata, RequestError, type Tensor } from "@serval/protocol";
import { doubles, hasMissing, matrixOf } from "../matrix.ts";
import { ModelError, type PredictiveModel } from "../model.ts";
import { findModelFile, readModelFile } from "../model-file.ts";
import { hooks } from "./allow-list.ts";
import { ByteReader } from "./byte-reader.ts";
import { toPredictor } from "./estimator.ts";
import { readPickle } from "./pickle.ts";
import type { Predictor } from "./predictor.ts";

export const sklearnEndings = [".joblib", ".pkl", ".pickle"] as const;
/** A compressed file may not unpack to more than this: a small file could otherwise fill the memory. */
const MAX_UNPACKED_BYTES = 1 << 30;

export interface SklearnOptions {
  readonly probabilities?: boolean;
}

export class SklearnModel implements PredictiveModel {
  readonly kind = "predictive";
  private readonly path: string;
  private readonly probabilities: boolean;
  private predictor: Predictor | undefined;

  constructor(path: string, options: SklearnOptions = {}) {
    this.path = path;
    this.probabilities = options.probabilities ?? false;
  }

  async load(): Promise<void> {
    const file = await findModelFile(this.path, sklearnEndings);
    this.predictor = readSklearn(await readModelFile(file), file);
  }

  get ready(): boolean {
    return this.predictor !== undefined;
  }

  metadata(): ModelMetadata {
    const { features } = this.loaded();
    return {
      platform: "sklearn",
      inputs: [{ name: "input-0", datatype: "FP64", shape: [-1, features ?? -1] }],
      outputs: [],
    };
  }

  infer(inputs: readonly Tensor[]): readonly Tensor[] {
    const predictor = this.loaded();
    const matrix = doubles(matrixOf(inputs, { model: predictor.name, columns: predictor.features }));
    if (!predictor.allowsMissing && hasMissing(matrix)) {
      throw new RequestError(
        400,
        `Input X contains NaN. ${predictor.name} does not accept missing values encoded as NaN natively.`,
      );
    }
    const { datatype, data, width } =
      this.probabilities && predictor.probabilities ? predictor.probabilities(matrix) : predictor.predict(matrix);
    return [{ name: "output-0", datatype, shape: width === 1 ? [matrix.rows] : [matrix.rows, width], data }];
  }

  unload(): Promise<void> {
    this.predictor = undefined;
    return Promise.resolve();
  }

  private loaded(): Predictor {
    if (this.predictor === undefined) throw new ModelError("Cannot infer: the scikit-learn model is not loaded");
    return this.predictor;
  }
}

/** Never executes anything: see pickle.ts and allow-list.ts. */
export function readSklearn(bytes: Uint8Array, file: string): Predictor {
  try {
    return toPredictor(readPickle(new ByteReader(unpacked(bytes)), hooks));
  } catch (error) {
    if (error instanceof ModelError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new ModelError(
      `Cannot load the model: ${file} is not a scikit-learn model that can be read (${reason}); save it with joblib.dump(model, "model.joblib")`,
      { cause: error },
    );
  }
}

/** joblib: numpy_pickle_utils.py _detect_compressor, by the first bytes. */
function unpacked(bytes: Uint8Array): Uint8Array {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(6, bytes.byteLength)).toString("latin1");
  const limit = { maxOutputLength: MAX_UNPACKED_BYTES };
  if (head.startsWith("\x1f\x8b")) return gunzipSync(bytes, limit);
  if (head.startsWith("x") && bytes.byteLength > 1 && (bytes[0]! * 256 + bytes[1]!) % 31 === 0)
    return inflateSync(bytes, limit);
  const other = Object.entries({ bz2: "BZh", xz: "\xfd7zXZ", lz4: "\x04\x22\x4d\x18", lzma: "\x5d\x00" }).find(
    ([, magic]) => head.startsWith(magic),
  );
  if (other === undefined) return bytes;
  throw new ModelError(
    `Cannot load the model: the file is compressed with ${other[0]}, which is not read here; save it with joblib.dump(model, file, compress=3) (zlib), compress=("gzip", 3), or uncompressed`,
  );
}
