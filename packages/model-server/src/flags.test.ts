// SPDX-License-Identifier: Apache-2.0
// The command lines that KServe's controller, vLLM's YAML and people write.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FlagError, parseFlags } from "./flags.ts";

describe("parseFlags()", () => {
  const cases = [
    {
      name: "KServe's arguments",
      argv: ["--model_name=iris", "--model_dir=/mnt/models", "--http_port=8080"],
      want: { modelName: "iris", modelDirs: ["/mnt/models"], port: 8080, host: "127.0.0.1", ignored: [] },
    },
    {
      name: "dashes and separate values",
      argv: ["--model-name", "iris", "--http-port", "9"],
      want: { modelName: "iris", port: 9 },
    },
    { name: "the last one wins", argv: ["--model_name=a", "--model_name=b"], want: { modelName: "b" } },
    {
      name: "the seed's vLLM flags on top of the runtime's",
      argv: [
        "--model_name=llm",
        "--model_dir=/mnt/models",
        "--model=meta-llama/X",
        "--max-model-len=16384",
        "--quantization=fp8",
        "--enable-prefix-caching",
      ],
      want: {
        modelName: "llm",
        modelDirs: ["/mnt/models", "meta-llama/X"],
        maxModelLength: 16384,
        ignored: ["quantization", "enable_prefix_caching"],
      },
    },
    { name: "a switch before another flag", argv: ["--trust_remote_code", "--workers", "4"], want: { ignored: [] } },
    { name: "no flags at all", argv: [], want: { modelName: "model", modelDirs: ["/mnt/models"], port: 8080 } },
  ];
  for (const { name, argv, want } of cases) {
    it(name, () => {
      const options = parseFlags(argv, {}) as unknown as Record<string, unknown>;
      assert.deepEqual(Object.fromEntries(Object.keys(want).map((key) => [key, options[key]])), want);
    });
  }

  it("takes the host from SERVAL_HOST, and every network only when asked", () => {
    assert.equal(parseFlags([], { SERVAL_HOST: "127.7.0.1" }).host, "127.7.0.1");
    assert.equal(parseFlags(["--host=0.0.0.0"], {}).host, "0.0.0.0");
  });

  for (const argv of [
    ["--http_port=70000"],
    ["--max_model_len=x"],
    ["--host=evil.example"],
    ["--max_request_bytes=-1"],
  ]) {
    it(`refuses ${argv[0]}`, () => assert.throws(() => parseFlags(argv, {}), FlagError));
  }
});
