// SPDX-License-Identifier: Apache-2.0
// The images of this repository, built as a release builds them and started as a cluster starts them: an unprivileged
// user, a root that cannot be written, no network of the builder's. The model server only where its engines are here.
import assert from "node:assert/strict";
import { execFile, execFileSync, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { engineDir } from "@serval/runtimes/engines.ts";
import { cacheDir, nodePackages } from "../pinned-node.mjs";
import { type BuiltImage, buildImages } from "./build.ts";
import { lockedPackages } from "./npm-package.ts";
import { type ImageId, planImages } from "./plan.ts";
import { platformOf } from "./platform.ts";
import { readLayer } from "./testing/archive-reader.ts";
import { nonRoot } from "./tree.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const models = join(root, "examples/models");
const run = promisify(execFile);

const has = (program: string): boolean => {
  try {
    execFileSync("sh", ["-c", `command -v ${program}`], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
};
const isLinux = process.platform === "linux" && process.arch === "x64";
const missing = ["apt-get", "dpkg-deb"].filter((program) => !has(program));
const skip = !isLinux
  ? "images are built on Linux x64"
  : missing.length > 0
    ? `${missing.join(", ")} is missing`
    : false;
const isRoot = process.getuid?.() === 0 && has("unshare") && has("chroot");
const skipRun = isRoot ? false : "starting them needs root, unshare and chroot";
const hasEngines = (["onnx", "llama"] as const).every((name) => existsSync(engineDir(name, cacheDir())));
const only: ImageId[] = ["serval", "storage-initializer", ...(hasEngines ? (["serval-model-server"] as const) : [])];
const skipServer = hasEngines
  ? skipRun
  : "the engines are not in the cache folder (serve an ONNX and a GGUF model once)";

let work: string;
let built: BuiltImage[];
before(async () => {
  if (skip !== false) return;
  work = await mkdtemp(join(tmpdir(), "serval-images-"));
  const plan = planImages({ repository: "serval", tag: "v0", aliases: [], only });
  const provenance = { version: "0.1.0", revision: undefined, created: "1970-01-01T00:00:00Z" };
  const say = (): void => undefined;
  const options = { root, platform: platformOf("linux/amd64"), servalCache: cacheDir(), provenance, say };
  built = await buildImages(plan, options);
});
after(async () => {
  if (work !== undefined) await rm(work, { recursive: true, force: true });
});

const imageOf = (id: ImageId): BuiltImage => built.find(({ planned }) => planned.id === id)!;

/** Unpacked layers, once per image. */
const unpacked = new Map<ImageId, Promise<string>>();
function rootOf(id: ImageId): Promise<string> {
  const unpack = async (): Promise<string> => {
    const folder = join(work, id);
    for (const inner of ["dev", "mnt/models"]) await mkdir(join(folder, inner), { recursive: true });
    await writeFile(join(folder, "dev/null"), "");
    for (const { file } of imageOf(id).image.layers) await run("tar", ["-xzf", file, "-C", folder]);
    return folder;
  };
  if (!unpacked.has(id)) unpacked.set(id, unpack());
  return unpacked.get(id)!;
}

interface Start {
  readonly id: ImageId;
  readonly args: readonly string[];
  /** Mounted at /mnt/models; writable for the initializer only. */
  readonly volume?: string;
  readonly isWritable?: boolean;
}

/** The image's own entry point, in a mount namespace of its own. */
async function start({ id, args, volume, isWritable = false }: Start) {
  const folder = await rootOf(id);
  const config = JSON.parse(imageOf(id).image.config.bytes.toString()).config as {
    Env: string[];
    Entrypoint: string[];
  };
  const mounts = [
    `mount --bind ${folder} ${folder}`,
    `mount --bind /dev/null ${folder}/dev/null`,
    ...(volume === undefined ? [] : [`mount --bind ${volume} ${folder}/mnt/models`]),
    ...(volume === undefined || isWritable ? [] : [`mount -o remount,ro,bind ${folder}/mnt/models`]),
    `mount -o remount,ro,bind ${folder}`,
    `exec chroot --userspec=${nonRoot}:${nonRoot} --groups= ${folder} "$@"`,
  ];
  // Every step replaces the one before: the process that is started is the one that is stopped.
  const shell = ["--mount", "sh", "-ec", mounts.join("\n"), "sh"];
  const env = Object.fromEntries(config.Env.map((line) => line.split(/=(.*)/s).slice(0, 2)));
  return spawn("unshare", [...shell, ...config.Entrypoint, ...args], { env: { ...env, PATH: process.env["PATH"] } });
}

async function outputOf(given: Start): Promise<{ code: number | null; text: string }> {
  const child = await start(given);
  let text = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (part: string) => (text += part));
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  return { code, text };
}

/** A served model, asked one thing. @param ask with the server's URL; what it returns is returned. */
async function served<T>(model: string, ask: (url: string) => Promise<T>): Promise<T> {
  const args = ["--model_name=m", "--http_port=0", "--host=127.0.0.1"];
  const child = await start({ id: "serval-model-server", args, volume: join(models, model) });
  try {
    const lines: string[] = [];
    for await (const line of createInterface(child.stdout)) {
      lines.push(line);
      const url = /serving m at (http:[^"]+)/.exec(line)?.[1];
      if (url !== undefined) return await ask(url);
    }
    return assert.fail(`the server ended: ${lines.join("\n")}`);
  } finally {
    child.kill("SIGKILL");
  }
}

async function post(url: string, body: object): Promise<Record<string, unknown>> {
  const headers = { "content-type": "application/json" };
  const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
  return (await answer.json()) as Record<string, unknown>;
}

describe("the images", { skip, timeout: 300_000 }, () => {
  it("hold no privileged file, no shell, and nothing of the builder's", async () => {
    const files = new Set(built.flatMap(({ image }) => image.layers.map(({ file }) => file)));
    for (const file of files)
      for (const { header } of await readLayer(file)) {
        assert.equal((header.mode ?? 0) & 0o6000, 0, header.name);
        assert.doesNotMatch(header.name, /(^|\/)(sh|bash|dash|busybox|apt|dpkg)$|\.npmrc$|\.git(\/|$)/);
        assert.doesNotMatch(header.linkname ?? "", new RegExp(`^${root}|^/root`));
      }
  });

  it("contain nothing of the store that they cannot run, and no sources", async () => {
    const layer = imageOf("serval").image.layers.find(({ name }) => name === "application")!;
    const names = (await readLayer(layer.file)).map(({ header }) => header.name);
    assert.ok(names.includes("opt/serval/dist/main.js"));
    assert.equal(
      names.some((name) => name.endsWith(".ts") || name.includes("node_modules")),
      false,
    );
  });

  it("list everything that is in them", async () => {
    const locked = lockedPackages(join(root, "package-lock.json"));
    const { components } = JSON.parse(imageOf("serval").sbom) as {
      components: { name: string; version: string; purl: string; hashes?: { alg: string; content: string }[] }[];
    };
    const found = new Map(components.map((component) => [component.name, component]));
    for (const name of ["undici", "yaml", "pino", "prom-client", "tar-stream", "yauzl", "@peculiar/x509"]) {
      const { version, integrity } = locked[`node_modules/${name}`]!;
      assert.equal(found.get(name)?.version, version, name);
      const hex = Buffer.from(integrity!.slice("sha512-".length), "base64").toString("hex");
      assert.deepEqual(found.get(name)?.hashes, [{ alg: "SHA-512", content: hex }]);
    }
    for (const name of ["libc6", "libstdc++6", "ca-certificates", "tzdata"])
      assert.match(found.get(name)?.purl ?? "", /^pkg:deb\//, name);
    assert.equal(found.get(nodePackages["linux-x64"]![0])?.version, nodePackages["linux-x64"]![1]);
    // In the lockfile and not in the image: development tools, the embedded home's store, what only has types.
    for (const name of ["typescript", "@biomejs/biome", "lmdb", "openai", "typebox"])
      assert.equal(found.has(name), false, name);
    for (const { purl, hashes } of components) assert.equal(hashes?.length, 1, purl);
  });

  it("carry the licences of what is in them", async () => {
    const layer = imageOf("serval").image.layers.find(({ name }) => name === "application")!;
    const files = new Map((await readLayer(layer.file)).map(({ header, bytes }) => [header.name, bytes.toString()]));
    const text = files.get("usr/share/doc/serval/third-party-licences")!;
    for (const title of [/^undici \d/m, /^yaml \d/m, /^@peculiar\/x509 \d/m]) assert.match(text, title);
    assert.match(files.get("usr/share/doc/serval/copyright")!, /Apache License/);
  });

  it("start the command, which helps and knows its version", { skip: skipRun }, async () => {
    const { version } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as { version: string };
    assert.deepEqual(await outputOf({ id: "serval", args: ["version"] }), { code: 0, text: `${version}\n` });
    assert.match((await outputOf({ id: "serval", args: ["--help"] })).text, /^Usage: serval COMMAND/m);
    const { code, text } = await outputOf({ id: "serval", args: ["operator", "--kubeconfig", "/nowhere"] });
    assert.equal(code, 1);
    assert.match(text, /\/nowhere/);
  });

  it("say why the embedded home does not run in them", { skip: skipRun }, async () => {
    const { code, text } = await outputOf({ id: "serval", args: ["up"] });
    assert.equal(code, 1);
    assert.match(text, /does not run from an image[\s\S]*Fix: install Serval with npm/);
  });

  it("fetch an archive over HTTP as the storage initializer", { skip: skipRun }, async () => {
    const volume = join(work, "volume");
    await mkdir(volume);
    await run("chmod", ["777", volume]);
    const { stdout: archive } = await run("tar", ["-czf", "-", "-C", join(models, "iris-svc"), "."], {
      encoding: "buffer",
    });
    const server = createServer((_request, response) =>
      response.setHeader("content-type", "application/gzip").end(archive),
    );
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      const uri = `http://127.0.0.1:${(server.address() as AddressInfo).port}/model.tar.gz`;
      const args = [uri, "/mnt/models"];
      const { code, text } = await outputOf({ id: "storage-initializer", args, volume, isWritable: true });
      assert.equal(code, 0, text);
      const [theirs, ours] = [join(volume, "model.joblib"), join(models, "iris-svc/model.joblib")];
      assert.deepEqual(await readFile(theirs), await readFile(ours));
    } finally {
      server.close();
    }
  });

  it("serve scikit-learn, XGBoost and ONNX models", { skip: skipServer }, async () => {
    const iris = { instances: [[6.8, 2.8, 4.8, 1.4]] };
    const answers = await Promise.all(
      ["iris-svc", "iris-onnx"].map((model) => served(model, (url) => post(`${url}/v1/models/m:predict`, iris))),
    );
    assert.deepEqual(answers[0], { predictions: [1] });
    assert.equal((answers[1]!["predictions"] as { label: number }[])[0]!.label, 1);
    const row = Array.from({ length: 30 }, () => 1);
    const cancer = await served("cancer-xgboost", (url) => post(`${url}/v1/models/m:predict`, { instances: [row] }));
    assert.equal((cancer["predictions"] as unknown[]).length, 1);
  });

  it("serve a language model", { skip: skipServer }, async () => {
    const messages = [{ role: "user", content: "What is KServe?" }];
    const answer = await served("serval-tiny-lm", (url) =>
      post(`${url}/openai/v1/chat/completions`, { model: "m", messages, max_tokens: 8 }),
    );
    const [choice] = answer["choices"] as { message: { content: string } }[];
    assert.match(choice!.message.content, /KServe/);
  });
});
