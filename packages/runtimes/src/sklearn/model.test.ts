// SPDX-License-Identifier: Apache-2.0
// scikit-learn models against predictions recorded from scikit-learn itself (examples/models/train.py).
import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { assertClose, readRecorded, recordedInput } from "../testing/recorded.ts";
import { SklearnModel } from "./model.ts";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const examples = here("../../../../examples/models/");
const variants = here("./testdata/");
const folders = [
  ...["iris-svc", "wine-forest", "cancer-logistic", "diabetes-ridge"].map((name) => join(examples, name)),
  ...(await readdir(variants))
    .filter((name) => name !== "recorded" && !name.startsWith("refused-"))
    .map((name) => join(variants, name)),
];

describe("SklearnModel.infer() equals scikit-learn's own predictions", () => {
  assert.ok(folders.length >= 17);
  for (const folder of folders) {
    it(folder.split("/").at(-1)!, async () => {
      const recorded = await readRecorded(folder);
      const model = new SklearnModel(folder);
      await model.load();
      assertClose(model.infer([recordedInput(recorded)])[0]!, recorded.predictions, 1e-6);
      const probable = new SklearnModel(folder, { probabilities: true });
      await probable.load();
      assertClose(probable.infer([recordedInput(recorded)])[0]!, recorded.probabilities ?? recorded.predictions, 1e-6);
    });
  }
});

describe("SklearnModel.infer() refuses wrong input as a 400", () => {
  const cases = [
    {
      name: "too few features",
      shape: [1, 3],
      data: [1, 2, 3],
      text: /X has 3 features, but SVC is expecting 4 features as input/,
    },
    { name: "a missing value", shape: [1, 4], data: [1, 2, Number.NaN, 4], text: /Input X contains NaN/ },
    { name: "one dimension", shape: [4], data: [1, 2, 3, 4], text: /Expected 2D array, got 1D array instead/ },
  ];
  for (const { name, shape, data, text } of cases) {
    it(name, async () => {
      const model = new SklearnModel(join(examples, "iris-svc"));
      await model.load();
      const tensor = { name: "x", datatype: "FP64", shape, data: Float64Array.from(data) } as const;
      assert.throws(
        () => model.infer([tensor]),
        (error: unknown) =>
          error instanceof Error && text.test(error.message) && "status" in error && error.status === 400,
      );
    });
  }
});
