// SPDX-License-Identifier: Apache-2.0
// The storage initializer as it really runs: the bin, killed in the middle, on a full disk, with a model of hub size.
import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createReadStream } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { gzipSync } from "node:zlib";
import { loadPki } from "@serval/embedded/pki/index.ts";
import { tarOf } from "@serval/storage/testing/archives.ts";
import { type FaultServer, noise, startFaultServer } from "@serval/storage/testing/fault-server.ts";
import { servalBin } from "../serval-bin.ts";

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

interface Bench {
  readonly root: string;
  readonly dir: string;
  readonly server: FaultServer;
  /** `end` settles when the process has ended. */
  start(
    args: readonly string[],
    env?: Record<string, string>,
    nodeFlags?: readonly string[],
  ): { child: ChildProcess; end: Promise<Ended> };
}

async function createBench(t: TestContext): Promise<Bench> {
  const root = await mkdtemp(join(tmpdir(), "serval-fetch-bin-"));
  const server = await startFaultServer();
  const children: ChildProcess[] = [];
  t.after(async () => {
    for (const child of children) child.kill("SIGKILL");
    await server.close();
    await rm(root, { recursive: true, force: true });
  });
  return {
    root,
    dir: join(root, "models"),
    server,
    start(args, env = {}, nodeFlags = []) {
      const child = spawn(process.execPath, [...nodeFlags, servalBin, "fetch", ...args], {
        env: { PATH: process.env["PATH"], HOME: root, ...env },
        stdio: ["ignore", "pipe", "pipe"],
      });
      children.push(child);
      const texts = { out: "", err: "" };
      child.stdout?.setEncoding("utf8").on("data", (text: string) => {
        texts.out += text;
      });
      child.stderr?.setEncoding("utf8").on("data", (text: string) => {
        texts.err += text;
      });
      const end = new Promise<Ended>((resolve) => child.on("close", (code) => resolve({ code, ...texts })));
      return { child, end };
    },
  };
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) hash.update(chunk);
  return hash.digest("hex");
}

const mebi = 1024 * 1024;
const lastLine = (text: string): string => text.trimEnd().split("\n").at(-1) as string;
const isPart = (range: string | undefined): boolean => range !== undefined && range !== "bytes=0-0";

describe("serval fetch", () => {
  it("kill -9 in the middle: the next start fetches the rest only", async (t) => {
    const { dir, server, start } = await createBench(t);
    const body = noise(20 * mebi);
    server.files.set("/model.bin", { body, etag: '"v1"' });
    const env = { SERVAL_FETCH_PART_BYTES: String(mebi) };
    const enough = Promise.withResolvers<void>();
    const never = Promise.withResolvers<void>();
    let parts = 0;
    // Eight connections: when the 13th part is asked for, five are on disk and on record.
    server.fault = ({ headers }) => {
      if (!isPart(headers.range) || ++parts < 13) return undefined;
      enough.resolve();
      return { gate: never.promise };
    };
    const first = start([`${server.url}/model.bin`, dir], env);
    await Promise.race([enough.promise, first.end.then(({ out, err }) => assert.fail(`ended early: ${out}${err}`))]);
    first.child.kill("SIGKILL");
    assert.equal((await first.end).code, null);
    assert.equal((await readdir(dir)).includes("model.bin"), false);
    never.resolve();
    server.fault = () => undefined;
    server.seen.length = 0;
    const second = await start([`${server.url}/model.bin`, dir], env).end;
    assert.equal(second.code, 0, second.out + second.err);
    assert.match(second.out, /Going on after \d+ of 20971520 bytes of model\.bin/);
    assert.ok(server.seen.filter(({ headers }) => isPart(headers.range)).length <= 15);
    assert.equal(await sha256Of(join(dir, "model.bin")), createHash("sha256").update(body).digest("hex"));
  });

  it("SIGTERM in the middle: says that the next start goes on, exit 1", async (t) => {
    const { dir, server, start } = await createBench(t);
    server.files.set("/model.bin", { body: noise(2 * mebi), etag: '"v1"' });
    const asked = Promise.withResolvers<void>();
    const never = Promise.withResolvers<void>();
    t.after(() => never.resolve());
    server.fault = ({ headers }) => {
      if (isPart(headers.range)) asked.resolve();
      return isPart(headers.range) ? { gate: never.promise } : undefined;
    };
    const { child, end } = start([`${server.url}/model.bin`, dir]);
    await asked.promise;
    child.kill("SIGTERM");
    const { code, out } = await end;
    assert.equal(code, 1);
    assert.match(lastLine(out), /asked to stop; the next start goes on from here/);
  });

  it("several models, each into its own folder, progress and last words for the kubelet", async (t) => {
    const { root, dir, server, start } = await createBench(t);
    server.files.set("/a/model.bin", { body: noise(mebi), etag: '"v1"' });
    server.files.set("/b.tgz", {
      body: gzipSync(await tarOf([{ name: "b.txt", body: "b" }])),
      contentType: "application/gzip",
    });
    const env = { SERVAL_PROGRESS_FILE: join(root, "progress.json"), TERMINATION_MESSAGE_PATH: join(root, "message") };
    const pairs = [`${server.url}/a/model.bin`, join(dir, "a"), `${server.url}/b.tgz`, join(dir, "b")];
    const good = await start(pairs, env).end;
    assert.equal(good.code, 0, good.out + good.err);
    assert.match(good.out, /^Initializing, args: \(src_uri, dest_path\): /);
    assert.match(lastLine(good.out), /^Model downloaded in [\d.]+ seconds\.$/);
    assert.equal(JSON.parse(await readFile(env.SERVAL_PROGRESS_FILE, "utf8")).phase, "Done");
    assert.equal(await readFile(join(dir, "b", "b.txt"), "utf8"), "b");
    const bad = await start([`${server.url}/gone.bin`, join(dir, "c")], env).end;
    assert.equal(bad.code, 1);
    const words = `Storage initialization failed: HTTP resource not found at '${server.url}/gone.bin'. Fix: Check the path in storageUri; names are case-sensitive`;
    assert.equal(lastLine(bad.out), words);
    assert.equal(await readFile(env.TERMINATION_MESSAGE_PATH, "utf8"), words);
    assert.equal(bad.err, "");
  });

  for (const args of [[], ["file:///x"], ["a", "b", "c"], ["--what", "b"]]) {
    it(`wrong usage (${args.join(" ") || "nothing"}) prints the usage, exit 1 as KServe's`, async (t) => {
      const { code, out } = await (await createBench(t)).start(args).end;
      assert.deepEqual({ code, usage: out.startsWith("Usage: serval fetch") }, { code: 1, usage: true });
    });
  }

  it("https: a private authority needs the CA bundle, and encryption is never given up", async (t) => {
    const { root, dir, start } = await createBench(t);
    const pki = await loadPki(join(root, "pki"));
    const server = createServer({ key: pki.serving.key, cert: pki.serving.cert }, (request, response) => {
      if (request.url === "/down.bin") response.writeHead(302, { location: "http://127.0.0.1:1/x.bin" }).end();
      else response.writeHead(200, { "content-type": "application/octet-stream" }).end("weights");
    }).listen(0, "127.0.0.1");
    t.after(() => server.close());
    await once(server, "listening");
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const distrusted = await start([`${url}/m.bin`, dir]).end;
    assert.match(lastLine(distrusted.out), /its certificate is not accepted: .* Fix: .*CA bundle/);
    await writeFile(join(root, "cabundle.crt"), pki.ca.cert);
    const env = { CA_BUNDLE_CONFIGMAP_NAME: "ca", CA_BUNDLE_VOLUME_MOUNT_POINT: root };
    const trusted = await start([`${url}/m.bin`, dir], env).end;
    assert.equal(trusted.code, 0, trusted.out + trusted.err);
    assert.equal(await readFile(join(dir, "m.bin"), "utf8"), "weights");
    const down = await start([`${url}/down.bin`, dir], env).end;
    assert.match(lastLine(down.out), /Refuse to follow the redirect .*: it gives up encryption/);
  });

  it("200 MB need no more memory than 2 MB", { timeout: 120_000 }, async (t) => {
    const { dir, server, start } = await createBench(t);
    const block = noise(3 * mebi + 7);
    const peak = 'process.on("exit",()=>process.stderr.write(`peak ${process.resourceUsage().maxRSS}`))';
    const peakMiB = async (sizeBytes: number, name: string): Promise<number> => {
      server.files.set(`/${name}`, { body: block, etag: '"v1"', repeatToBytes: sizeBytes });
      const { code, out, err } = await start([`${server.url}/${name}`, dir], {}, [
        "--import",
        `data:text/javascript,${peak}`,
      ]).end;
      assert.equal(code, 0, out + err);
      return Number(/peak (\d+)/.exec(err)?.[1]) / 1024;
    };
    const small = await peakMiB(2 * mebi, "small.bin");
    const big = await peakMiB(200 * mebi, "big.bin");
    t.diagnostic(`peak memory: ${Math.round(small)} MiB for 2 MiB, ${Math.round(big)} MiB for 200 MiB`);
    assert.ok(big < small + 64, `${big} MiB against ${small} MiB`);
    assert.ok(big < 200, `${big} MiB`);
  });
});

/** A file system of 8 MiB, or why there is none. */
function smallDisk(t: TestContext, dir: string): string | undefined {
  if (process.platform !== "linux") return "needs Linux's tmpfs";
  const { status, stderr } = spawnSync("mount", ["-t", "tmpfs", "-o", "size=8m", "serval-test", dir], {
    encoding: "utf8",
  });
  if (status !== 0) return `mounting a small tmpfs is not allowed here: ${(stderr ?? "").trim()}`;
  t.after(() => spawnSync("umount", ["-l", dir]));
  return undefined;
}

describe("a full disk", () => {
  const big = noise(12 * mebi);
  const archive = tarOf([{ name: "a", body: Buffer.alloc(12 * mebi) }]).then((bytes) => gzipSync(bytes));
  for (const { name, file, path, says } of [
    {
      name: "is seen before the first byte when the size is known",
      path: "/model.bin",
      file: async () => ({ body: big, etag: '"v1"' }),
      says: /the disk is too full, the model needs 12\.0 MiB more and .* are free\. Fix: Free space/,
    },
    {
      name: "is told when it happens",
      path: "/model.bin",
      file: async () => ({ body: gzipSync(big), hasRanges: false, headers: { "content-encoding": "gzip" } }),
      says: /Cannot write ".*": the disk is full\. Fix: Free space/,
    },
    {
      name: "is told while unpacking",
      path: "/model.tgz",
      file: async () => ({ body: await archive, contentType: "application/gzip" }),
      says: /the disk is full\. Fix: Free space/,
    },
  ]) {
    it(name, async (t) => {
      const { root, server, start } = await createBench(t);
      const disk = join(root, "disk");
      await mkdir(disk);
      const reason = smallDisk(t, disk);
      if (reason !== undefined) return t.skip(reason);
      server.files.set(path, await file());
      const { code, out, err } = await start([`${server.url}${path}`, join(disk, "models")]).end;
      assert.equal(code, 1, out + err);
      assert.match(lastLine(out), says);
      const left = await readdir(disk, { recursive: true, withFileTypes: true });
      assert.deepEqual(
        left.filter((entry) => entry.isFile()).map((entry) => entry.name),
        [],
      );
      spawnSync("umount", ["-l", disk]);
    });
  }
});
