// SPDX-License-Identifier: Apache-2.0
// XGBoost as a predictive model: loads .json, .ubj (and .bst that holds one of the two) and answers like KServe's xgbserver.
import type { ModelMetadata, Tensor } from "@serval/protocol";
import { floats, matrixOf } from "../matrix.ts";
import { ModelError, type PredictiveModel } from "../model.ts";
import { findModelFile, readModelFile } from "../model-file.ts";
import { type Booster, readBooster } from "./booster.ts";
import { predict } from "./evaluate.ts";
import { parseUbjson } from "./ubjson.ts";

/** kserve: python/xgbserver/xgbserver/model.py BOOSTER_FILE_EXTENSIONS. */
export const xgboostEndings = [".bst", ".json", ".ubj"] as const;

export class XgboostModel implements PredictiveModel {
  readonly kind = "predictive";
  private readonly path: string;
  private booster: Booster | undefined;

  constructor(path: string) {
    this.path = path;
  }

  async load(): Promise<void> {
    const file = await findModelFile(this.path, xgboostEndings);
    this.booster = readBooster(parseDocument(await readModelFile(file), file));
  }

  get ready(): boolean {
    return this.booster !== undefined;
  }

  metadata(): ModelMetadata {
    const { features, groups, objective } = this.loaded();
    const wide = groups > 1 && !objective.labels;
    return {
      platform: "xgboost",
      inputs: [{ name: "input-0", datatype: "FP32", shape: [-1, features] }],
      outputs: [{ name: "output-0", datatype: "FP32", shape: wide ? [-1, groups] : [-1] }],
    };
  }

  infer(inputs: readonly Tensor[]): readonly Tensor[] {
    const booster = this.loaded();
    const expected = { model: "the XGBoost model", columns: booster.features, names: booster.featureNames };
    const matrix = floats(matrixOf(inputs, expected));
    const { values, width } = predict(booster, matrix);
    return [
      { name: "output-0", datatype: "FP32", shape: width === 1 ? [matrix.rows] : [matrix.rows, width], data: values },
    ];
  }

  unload(): Promise<void> {
    this.booster = undefined;
    return Promise.resolve();
  }

  private loaded(): Booster {
    if (this.booster === undefined) throw new ModelError("Cannot infer: the XGBoost model is not loaded");
    return this.booster;
  }
}

/** The two formats both begin with "{"; JSON goes on with a quote or white space, UBJSON with a length or "$". */
function parseDocument(bytes: Uint8Array, file: string): unknown {
  const json = bytes[0] === 0x7b && /^[\s"}]/.test(String.fromCharCode(bytes[1] ?? 0));
  if (bytes[0] !== 0x7b) {
    throw new ModelError(
      `Cannot load the model: ${file} is neither JSON nor UBJSON (perhaps XGBoost's old binary format, which XGBoost 3 no longer reads); save it again with booster.save_model("model.ubj")`,
    );
  }
  try {
    return json ? JSON.parse(new TextDecoder().decode(bytes)) : parseUbjson(bytes);
  } catch (error) {
    throw new ModelError(
      `Cannot load the model: ${file} is damaged (${error instanceof Error ? error.message : String(error)}); upload it again`,
    );
  }
}
