// SPDX-License-Identifier: Apache-2.0
// XGBoost against predictions recorded from XGBoost itself (examples/models/train.py), and against damaged files.
import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { assertClose, readRecorded, recordedInput } from "../testing/recorded.ts";
import { XgboostModel } from "./model.ts";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const examples = here("../../../../examples/models/");
const variants = here("./testdata/");
const folders = [
  ...(await readdir(examples)).filter((name) => name.endsWith("-xgboost")).map((name) => join(examples, name)),
  ...(await readdir(variants)).filter((name) => name !== "recorded").map((name) => join(variants, name)),
];

describe("XgboostModel.infer() equals XGBoost's own predictions", () => {
  assert.ok(folders.length >= 18);
  for (const folder of folders) {
    it(folder.split("/").at(-1)!, async () => {
      const model = new XgboostModel(folder);
      await model.load();
      const recorded = await readRecorded(folder);
      const [output] = model.infer([recordedInput(recorded)]);
      assertClose(output!, recorded.predictions, 1e-6);
    });
  }
});

describe("XgboostModel.load() with a damaged file ends in one clear error", () => {
  for (const name of ["cancer-xgboost", "wine-xgboost"]) {
    it(`${name}: cut at 60 places and with 200 changed bytes`, async () => {
      const folder = join(examples, name);
      const file = (await readdir(folder)).find((entry) => entry.startsWith("model."))!;
      const bytes = await readFile(join(folder, file));
      const scratch = await mkdtemp(join(tmpdir(), "serval-xgboost-"));
      try {
        for (let i = 0; i < 260; i++) {
          const damaged = i < 60 ? bytes.subarray(0, Math.floor((bytes.length * i) / 60)) : Buffer.from(bytes);
          if (i >= 60) damaged[(i * 7919) % Math.min(bytes.length, 6000)]! ^= 1 << (i % 8);
          await writeFile(join(scratch, file), damaged);
          const outcome = await new XgboostModel(scratch).load().then(
            () => undefined,
            (error: unknown) => error,
          );
          if (i < 60) assert.ok(outcome instanceof Error);
          assert.ok(
            outcome === undefined || /^Cannot load the model: /.test(String((outcome as Error).message)),
            String(outcome),
          );
        }
      } finally {
        await rm(scratch, { recursive: true });
      }
    });
  }
});

describe("XgboostModel.infer() refuses wrong input with what is expected", () => {
  const cases = [
    {
      name: "too few features",
      tensor: { name: "x", datatype: "FP64", shape: [1, 2], data: new Float64Array(2) },
      text: /X has 2 features, but .* is expecting 30 features/,
    },
    {
      name: "one dimension",
      tensor: { name: "x", datatype: "FP64", shape: [30], data: new Float64Array(30) },
      text: /Expected 2D array, got 1D array instead/,
    },
    { name: "strings", tensor: { name: "x", datatype: "BYTES", shape: [1, 1], data: ["a"] }, text: /'x' is BYTES/ },
  ] as const;
  for (const { name, tensor, text } of cases) {
    it(name, async () => {
      const model = new XgboostModel(join(examples, "cancer-xgboost"));
      await model.load();
      assert.throws(
        () => model.infer([tensor]),
        (error: unknown) =>
          error instanceof Error && text.test(error.message) && "status" in error && error.status === 400,
      );
    });
  }
});
