// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { nearest, parseInvocation, UsageError } from "./command.ts";
import { commandTable } from "./commands/index.ts";
import { pathOf, protocolOf } from "./commands/predict.ts";
import { refuseUnsupported } from "./commands/up.ts";
import { commandHelp, overview } from "./help.ts";
import { main } from "./main.ts";

const visible = commandTable.filter(({ hidden }) => hidden !== true);

/** Runs the command line and keeps what it prints. */
async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  let [out, err] = ["", ""];
  const code = await main(args, {
    out: (line) => {
      out += `${line}\n`;
    },
    write: (text) => {
      out += text;
    },
    err: (line) => {
      err += `${line}\n`;
    },
    isTerminal: false,
    env: { SERVAL_DATA_DIR: "/nonexistent/serval" },
    cwd: "/",
  });
  return { code, out, err };
}

describe("nearest()", () => {
  const cases = [
    { word: "statsu", found: "status" },
    { word: "pred", found: "predict" },
    { word: "aply", found: "apply" },
    { word: "kubernetes", found: undefined },
  ];
  for (const { word, found } of cases)
    it(`${word} -> ${found ?? "nothing"}`, () =>
      assert.equal(
        nearest(
          word,
          visible.map((c) => c.name),
        ),
        found,
      ));
});

describe("parseInvocation()", () => {
  const get = commandTable.find(({ name }) => name === "get");
  assert.ok(get !== undefined);
  it("reads short and long flags and keeps the rest", () => {
    const { flags, positionals } = parseInvocation(get, ["pods", "-n", "team", "--output", "json"]);
    assert.deepEqual([flags["namespace"], flags["output"], positionals], ["team", "json", ["pods"]]);
  });
  it("names an unknown flag and the nearest one", () => {
    assert.throws(
      () => parseInvocation(get, ["--ouptut", "json"]),
      (error) => error instanceof UsageError && error.message === 'Unknown flag "--ouptut"; did you mean --output?',
    );
  });
});

describe("serval", () => {
  it("without arguments prints help and fails as wrong usage", async () => {
    const { code, out } = await run();
    assert.equal(code, 2);
    for (const { name } of visible) assert.match(out, new RegExp(`^  ${name} `, "m"));
  });
  it("with a wrong command says the nearest one", async () => {
    const { code, err } = await run("statsu");
    assert.equal(code, 2);
    assert.match(err, /unknown command "statsu"; did you mean "serval status"\?/);
  });
  it("status of no home exits with 3, as text and as JSON", async () => {
    const text = await run("status");
    const json = await run("status", "-o", "json");
    assert.deepEqual([text.code, json.code, JSON.parse(json.out).ready, JSON.parse(json.out).pid], [3, 3, false, null]);
  });
  it("commands that need a home say how to start one", async () => {
    const { code, err } = await run("get");
    assert.equal(code, 1);
    assert.match(err, /No embedded home runs in "\/nonexistent\/serval"\nFix: start one with serval up/);
  });
  it("predict refuses a body that is not JSON before it looks for a home", async () => {
    const { code, err } = await run("predict", "iris", "-d", "{oops");
    assert.equal(code, 2);
    assert.match(err, /not JSON/);
  });
  it("every command has help with its usage", () => {
    for (const command of visible) assert.match(commandHelp(command), new RegExp(`Usage: serval ${command.name}`));
    assert.match(overview(commandTable, "1.2.3"), /^serval 1\.2\.3/);
  });
});

describe("predict", () => {
  const cases = [
    { body: { instances: [[1]] }, protocol: "v1", path: "/v1/models/m:predict" },
    { body: { inputs: [] }, protocol: "v2", path: "/v2/models/m/infer" },
    { body: { messages: [] }, protocol: "chat", path: "/openai/v1/chat/completions" },
    { body: { prompt: "x" }, protocol: "completions", path: "/openai/v1/completions" },
  ] as const;
  for (const { body, protocol, path } of cases) {
    it(`${Object.keys(body)[0]} goes to ${path}`, () =>
      assert.deepEqual([protocolOf(body), pathOf(protocol, "m")], [protocol, path]));
  }
});

describe("up on a platform that is not supported", () => {
  for (const platform of ["win32", "aix"] as const) {
    it(`${platform} says why and names the ways out`, () => {
      assert.throws(
        () => refuseUnsupported(platform),
        new RegExp(`does not run on ${platform}.*\\nFix: use WSL2, Linux or macOS, or apply`),
      );
    });
  }
  it("linux and macOS are", () => {
    for (const platform of ["linux", "darwin"] as const) assert.doesNotThrow(() => refuseUnsupported(platform));
  });
});

describe("serval schema", () => {
  it("prints a kind's JSON Schema by any of its names", async () => {
    for (const name of ["isvc", "InferenceService", "inferenceservices"]) {
      const { code, out } = await run("schema", name);
      assert.equal(code, 0);
      const schema = JSON.parse(out) as { title: string; properties: { spec: { properties: object } } };
      assert.equal(schema.title, "InferenceService");
      assert.ok("predictor" in schema.properties.spec.properties);
    }
  });

  it("lists the kinds, and names them when asked for another", async () => {
    assert.match((await run("schema")).out, /^InferenceService\nServingRuntime\n/);
    const { code, err } = await run("schema", "deployment");
    assert.equal(code, 1);
    assert.match(err, /there is no kind "deployment"\nFix: use one of InferenceService, /);
  });
});
