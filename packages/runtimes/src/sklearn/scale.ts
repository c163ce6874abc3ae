// SPDX-License-Identifier: Apache-2.0
// StandardScaler and MinMaxScaler (scikit-learn: sklearn/preprocessing/_data.py): x -> (x - mean) / scale, x * scale + min.
import type { Matrix } from "../matrix.ts";
import { PickleError } from "./byte-reader.ts";
import { featuresOf, type Transformer } from "./predictor.ts";
import { floats, numberIn, type PyObject, PyTuple } from "./py-value.ts";

const scaler = (object: PyObject, of: (value: number, column: number) => number): Transformer => ({
  role: "transformer",
  name: object.className,
  features: featuresOf(object),
  allowsMissing: true,
  transform({ rows, columns, data }: Matrix): Matrix {
    const out = new Float64Array(data.length);
    for (let i = 0; i < data.length; i++) out[i] = of(data[i]!, i % columns);
    return { rows, columns, data: out };
  },
});

export function standardScaler(object: PyObject): Transformer {
  const has = (flag: string, name: string): boolean =>
    object.attribute(flag) !== false && (object.attribute(name) ?? null) !== null;
  const mean = has("with_mean", "mean_") ? floats(object.attribute("mean_"), "mean_") : undefined;
  const scale = has("with_std", "scale_") ? floats(object.attribute("scale_"), "scale_") : undefined;
  return scaler(object, (value, column) => (value - (mean ? mean[column]! : 0)) / (scale ? scale[column]! : 1));
}

export function minMaxScaler(object: PyObject): Transformer {
  const scale = floats(object.attribute("scale_"), "scale_");
  const min = floats(object.attribute("min_"), "min_");
  const range = object.attribute("feature_range");
  const bounds =
    range instanceof PyTuple || Array.isArray(range)
      ? (range instanceof PyTuple ? range.items : range).map((value) => numberIn(value, "feature_range"))
      : [0, 1];
  if (bounds.length !== 2) throw new PickleError("feature_range is not a pair");
  const clip = object.attribute("clip") === true;
  return scaler(object, (value, column) => {
    const scaled = value * scale[column]! + min[column]!;
    return clip && !Number.isNaN(scaled) ? Math.min(Math.max(scaled, bounds[0]!), bounds[1]!) : scaled;
  });
}
