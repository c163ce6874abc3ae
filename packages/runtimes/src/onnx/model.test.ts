// SPDX-License-Identifier: Apache-2.0
// ONNX Runtime on a model exported by skl2onnx, against predictions recorded from Python's onnxruntime.
// Runs where the engine is installed (`serval up --example onnx` installs it); never downloads 113 MB by itself.
import assert from "node:assert/strict";
import { stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { engineDir } from "../engines.ts";
import { assertClose, readRecorded, recordedInput } from "../testing/recorded.ts";
import { OnnxModel } from "./model.ts";

const folder = fileURLToPath(new URL("../../../../examples/models/iris-onnx", import.meta.url));
const engine = engineDir("onnx", process.env["SERVAL_CACHE_DIR"] ?? join(homedir(), ".cache", "serval"));
const installed = await stat(engine).then(
  () => true,
  () => false,
);
const skip = installed ? false : `the engine is not installed in ${engine}`;

describe("OnnxModel", { skip }, () => {
  it("answers like Python's onnxruntime, labels and probabilities", async () => {
    const model = new OnnxModel(folder, { engineDir: async () => engine });
    await model.load();
    const recorded = await readRecorded(folder);
    const [label, probabilities] = await model.infer([recordedInput(recorded)]);
    assertClose(label!, recorded.predictions, 0);
    // Its exponential differs in the last bits between the builds for Python and for Node.
    assertClose(probabilities!, recorded.probabilities!, 1e-4);
    assert.deepEqual(model.metadata().inputs, [{ name: "X", datatype: "FP32", shape: [-1, 4] }]);
    await model.unload();
    assert.equal(model.ready, false);
  });

  it("refuses a wrong shape as a 400 and a missing file as a clear error", async () => {
    const model = new OnnxModel(folder, { engineDir: async () => engine });
    await model.load();
    const wrong = { name: "X", datatype: "FP64", shape: [1, 3], data: new Float64Array(3) } as const;
    await assert.rejects(
      model.infer([wrong]),
      (error: unknown) => error instanceof Error && "status" in error && error.status === 400,
    );
    await model.unload();
    await assert.rejects(
      new OnnxModel(join(folder, "missing"), { engineDir: async () => engine }).load(),
      /does not exist/,
    );
  });
});
