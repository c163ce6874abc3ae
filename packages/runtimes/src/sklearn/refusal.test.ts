// SPDX-License-Identifier: Apache-2.0
// Hostile and damaged pickles: nothing is executed, every failure is one clear ModelError, nothing hangs.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { ModelError } from "../model.ts";
import { readSklearn, SklearnModel } from "./model.ts";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const marker = join(tmpdir(), `serval-pickle-${process.pid}`);
/** What `pickle.dumps` of an object whose __reduce__ is (os.system, ("touch …",)) looks like, in three protocols. */
const command = `touch ${marker}`;
const short = (text: string): string => `\x8c${String.fromCharCode(text.length)}${text}`;
const attacks = [
  {
    name: "os.system by GLOBAL and REDUCE (protocol 0)",
    pickle: `cposix\nsystem\n(S'${command}'\ntR.`,
    text: /"posix.system"/,
  },
  {
    name: "os.system by GLOBAL (protocol 2)",
    pickle: `\x80\x02cposix\nsystem\n${`X${String.fromCharCode(command.length)}\0\0\0${command}`}\x85R.`,
    text: /"posix.system"/,
  },
  {
    name: "os.system by STACK_GLOBAL (protocol 4)",
    pickle: `\x80\x04${short("posix")}${short("system")}\x93${short(command)}\x85R.`,
    text: /"posix.system"/,
  },
  { name: "builtins.eval", pickle: `\x80\x04${short("builtins")}${short("eval")}\x93.`, text: /"builtins.eval"/ },
  {
    name: "an allowed class called as a function",
    pickle: `\x80\x04${short("sklearn.svm._classes")}${short("SVC")}\x93)R.`,
    text: /is called as a function/,
  },
  {
    name: "_codecs.encode with another codec",
    pickle: `\x80\x04${short("_codecs")}${short("encode")}\x93${short("x")}${short("rot13")}\x86R.`,
    text: /latin1/,
  },
  {
    name: "joblib's own loader",
    pickle: `\x80\x04${short("joblib.numpy_pickle")}${short("load")}\x93.`,
    text: /"joblib.numpy_pickle.load"/,
  },
  { name: "the old INST opcode", pickle: `(S'${command}'\niposix\nsystem\n.`, text: /opcode/ },
  { name: "a persistent id", pickle: "Pos.system\n.", text: /opcode/ },
];

function refusal(bytes: Uint8Array): ModelError | undefined {
  try {
    readSklearn(bytes, "model.pkl");
    return undefined;
  } catch (error) {
    assert.ok(error instanceof ModelError, String(error));
    assert.match(error.message, /^Cannot load the model: /);
    return error;
  }
}

describe("readSklearn() executes nothing and names what it refuses", () => {
  for (const { name, pickle, text } of attacks) {
    it(name, () => {
      assert.match(refusal(Buffer.from(pickle, "latin1"))?.message ?? "", text);
      assert.equal(existsSync(marker), false);
    });
  }

  it("an estimator that is not read here names the class and the MLServer runtime", async () => {
    await assert.rejects(
      new SklearnModel(here("./testdata/refused-knn")).load(),
      /sklearn\.neighbors\._classification\.KNeighborsClassifier.*kserve-mlserver/s,
    );
  });

  it("an lz4 file names the compression and the fix", async () => {
    await assert.rejects(new SklearnModel(here("./testdata/refused-lz4")).load(), /compressed with lz4.*compress=3/s);
  });
});

describe("readSklearn() on damaged files", () => {
  const files = [
    "../../../../examples/models/iris-svc/model.joblib",
    "../../../../examples/models/wine-forest/model.joblib",
    "../../../../examples/models/diabetes-ridge/model.pkl",
    "./testdata/tree-regressor/model.pkl",
  ];
  for (const file of files) {
    it(`${file.split("/").at(-2)}: cut at 150 places is always refused`, async () => {
      const bytes = await readFile(here(file));
      for (let i = 0; i < 150; i++)
        assert.ok(refusal(bytes.subarray(0, Math.floor((bytes.length * i) / 150))), `cut ${i}`);
    });

    it(`${file.split("/").at(-2)}: 1500 changed bytes never crash or hang`, async () => {
      const bytes = await readFile(here(file));
      for (let i = 0; i < 1500; i++) {
        const damaged = Buffer.from(bytes);
        damaged[(i * 7919) % bytes.length] = (i * 31) & 0xff;
        refusal(damaged);
      }
    });
  }

  it("5000 files of pseudo-random bytes are refused", () => {
    let state = 12345;
    const next = (): number => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return state >>> 16;
    };
    for (let i = 0; i < 5000; i++)
      assert.ok(refusal(Buffer.from(Array.from({ length: 1 + (next() % 200) }, () => next() & 0xff))));
  });
});
