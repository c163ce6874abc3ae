// SPDX-License-Identifier: Apache-2.0
// `serval serve` as a process: starts, answers, stops on SIGTERM; every failed start is one clear last line and code 1.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import type { RunningServer } from "./http/server.ts";
import { leaveOf, serve } from "./serve.ts";

const bin = fileURLToPath(new URL("../bin/serve.ts", import.meta.url));
const models = fileURLToPath(new URL("../../../examples/models/", import.meta.url));

interface Line {
  readonly level: string;
  readonly message: string;
}

function start(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): { child: ChildProcess; lines: AsyncIterable<Line> } {
  const child = spawn(process.execPath, [bin, ...args], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const reader = createInterface({ input: child.stdout! });
  const lines = (async function* () {
    for await (const text of reader) yield JSON.parse(text) as Line;
  })();
  return { child, lines };
}

async function exit(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<{ code: number | null; last: Line }> {
  const { child, lines } = start(args, env);
  const exited = once(child, "exit");
  const all: Line[] = [];
  for await (const line of lines) all.push(line);
  const [code] = (await exited) as [number | null];
  return { code, last: all.at(-1)! };
}

describe("serval serve", () => {
  it("serves the iris model on loopback, in both spellings of flags, and stops on SIGTERM with code 0", {
    timeout: 20_000,
  }, async () => {
    const { child, lines } = start([
      "--model-name=iris",
      "--model_dir",
      join(models, "iris-svc"),
      "--http_port=0",
      "--workers=1",
    ]);
    const exited = once(child, "exit");
    let url = "";
    for await (const { message } of lines) {
      url = /http:\/\/127\.0\.0\.1:\d+/.exec(message)?.[0] ?? "";
      if (url !== "") break;
    }
    const predict = await fetch(`${url}/v1/models/iris:predict`, {
      method: "POST",
      body: '{"instances":[[6.8,2.8,4.8,1.4],[6.0,3.4,4.5,1.6]]}',
    });
    assert.equal(await predict.text(), '{"predictions":[1,1]}');
    assert.match(await (await fetch(`${url}/metrics`)).text(), /request_count\{model_name="iris",code="200"\} 1/);
    child.kill("SIGTERM");
    assert.deepEqual(await exited, [0, null]);
  });

  it("answers on a cluster while others still send: on connections that end, not ready any more", async () => {
    const stop = new AbortController();
    const ready = Promise.withResolvers<RunningServer>();
    const ended = serve([`--model_dir=${models}iris-svc`, "--model_name=iris", "--http_port=0"], {
      env: {},
      stop: stop.signal,
      leave: { announceMs: 300, drainMs: 5_000 },
      onReady: ready.resolve,
      engineDir: () => Promise.reject(new Error("no engine is needed")),
      log: () => {},
      uuid: () => "id",
      now: () => performance.now(),
      wallClock: Date.now,
    });
    const { url } = await Promise.race([ready.promise, ended.then((code) => assert.fail(`ended with ${code}`))]);
    const predict = (): Promise<Response> =>
      fetch(`${url}/v1/models/iris:predict`, { method: "POST", body: '{"instances":[[6.8,2.8,4.8,1.4]]}' });
    await (await predict()).text();
    stop.abort();
    let isOver = false;
    const over = ended.finally(() => {
      isOver = true;
    });
    let answered = 0;
    while (!isOver) {
      // The last one may meet the closed door.
      const response = await predict().catch((error: unknown) => error);
      if (!(response instanceof Response)) break;
      assert.deepEqual([await response.text(), response.headers.get("connection")], ['{"predictions":[1]}', "close"]);
      answered += 1;
      if (answered === 1) assert.equal((await fetch(`${url}/v2/health/ready`)).status, 503);
    }
    assert.equal(await over, 0);
    assert.ok(answered >= 3, `${answered} answered`);
  });

  const places: readonly [string, NodeJS.ProcessEnv, boolean][] = [
    ["a pod of a cluster", { KUBERNETES_SERVICE_HOST: "10.96.0.1" }, true],
    ["a terminal, or the embedded home", {}, false],
  ];
  for (const [name, env, waits] of places)
    it(`${waits ? "waits" : "does not wait"} for others to hear of its end in ${name}`, () => {
      const { announceMs, drainMs } = leaveOf(env);
      assert.deepEqual([announceMs > 0, drainMs > 0], [waits, true]);
    });

  const bad = [
    {
      name: "a missing folder",
      args: ["--model_dir=/does/not/exist"],
      text: /Cannot load the model: \/does\/not\/exist does not exist; check storageUri/,
    },
    {
      name: "a folder without a model",
      args: [`--model_dir=${models}lm`],
      text: /no model file.*it holds qa\.txt.*Point storageUri/,
    },
    {
      name: "the wrong framework",
      args: [`--model_dir=${models}iris-svc`, "--framework=xgboost"],
      text: /no \.bst, \.json, \.ubj file in .*it holds model\.joblib/,
    },
    {
      name: "an unknown framework",
      args: [`--model_dir=${models}iris-svc`, "--framework=prolog"],
      text: /framework "prolog" is not built in/,
    },
    { name: "a wrong port", args: ["--http_port=banana"], text: /--http_port=banana is not a port/ },
    { name: "a host name", args: ["--host=example.org"], text: /--host=example\.org.*not an IP address/ },
  ];
  for (const { name, args, text } of bad) {
    it(`ends with code 1 and one clear line for ${name}, also as the termination message`, async () => {
      const folder = await mkdtemp(join(tmpdir(), "serval-serve-"));
      try {
        const file = join(folder, "termination");
        const { code, last } = await exit(args, { TERMINATION_MESSAGE_PATH: file });
        assert.equal(code, 1);
        assert.match(last.message, text);
        assert.equal(await readFile(file, "utf8"), last.message);
      } finally {
        await rm(folder, { recursive: true });
      }
    });
  }

  it("names a port that is in use", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address() as { port: number };
    const { code, last } = await exit([`--model_dir=${models}iris-svc`, `--http_port=${port}`]);
    other.close();
    assert.equal(code, 1);
    assert.match(last.message, /its port is in use .*--http_port/);
  });

  it("refuses a GGUF that is none before it fetches an engine", async () => {
    const folder = await mkdtemp(join(tmpdir(), "serval-serve-"));
    await writeFile(join(folder, "model.gguf"), "not a model");
    const { code, last } = await exit([`--model_dir=${folder}`]);
    await rm(folder, { recursive: true });
    assert.equal(code, 1);
    assert.match(last.message, /is not a GGUF file/);
  });
});
