// SPDX-License-Identifier: Apache-2.0
// Stories of downloads over http: good servers, bad servers, servers that change their mind.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import { tarOf, zipOf } from "./testing/archives.ts";
import type { Fault, SeenRequest } from "./testing/fault-server.ts";
import { noise } from "./testing/fault-server.ts";
import { createBench } from "./testing/fetch-bench.ts";
import { targetOf } from "./transport/http-client.ts";

const partBytes = 64 * 1024;
const body = noise(10 * partBytes + 123);
const etag = '"v1"';
const isPart = ({ headers }: SeenRequest): boolean => headers.range !== undefined && headers.range !== "bytes=0-0";
const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

describe("a file over http", () => {
  it("comes in parallel parts and is what the server has", async (t) => {
    const bench = await createBench(t);
    bench.server.files.set("/m/model.bin", { body, etag });
    await bench.fetch(`${bench.server.url}/m/model.bin`);
    assert.deepEqual(await readFile(join(bench.dir, "model.bin")), body);
    assert.equal(bench.server.seen.filter(isPart).length, 11);
  });

  it("is not fetched again once it is there", async (t) => {
    const bench = await createBench(t);
    bench.server.files.set("/model.bin", { body, etag });
    await bench.fetch(`${bench.server.url}/model.bin`);
    const before = bench.server.seen.length;
    await bench.fetch(`${bench.server.url}/model.bin`);
    assert.equal(bench.server.seen.length, before);
  });

  it("is fetched again when it was deleted meanwhile", async (t) => {
    const bench = await createBench(t);
    bench.server.files.set("/model.bin", { body, etag });
    await bench.fetch(`${bench.server.url}/model.bin`);
    await writeFile(join(bench.dir, "model.bin"), "short");
    await bench.fetch(`${bench.server.url}/model.bin`);
    assert.deepEqual(await readFile(join(bench.dir, "model.bin")), body);
  });

  for (const { name, file } of [
    { name: "without ranges", file: { body, etag, hasRanges: false } },
    { name: "without any validator", file: { body } },
    { name: "with a weak ETag", file: { body, etag: 'W/"v1"' } },
    { name: "with Last-Modified only", file: { body, lastModified: "Tue, 24 Nov 2026 10:00:00 GMT" } },
    { name: "with an empty body", file: { body: Buffer.alloc(0), etag } },
  ]) {
    it(`comes from a server ${name}`, async (t) => {
      const bench = await createBench(t);
      bench.server.files.set("/model.bin", file);
      await bench.fetch(`${bench.server.url}/model.bin`);
      assert.deepEqual(await readFile(join(bench.dir, "model.bin")), file.body);
    });
  }

  it("that the server compresses on the way is unpacked", async (t) => {
    const bench = await createBench(t);
    const headers = { "content-encoding": "gzip" };
    bench.server.files.set("/model.bin", { body: gzipSync(body), etag, hasRanges: false, headers });
    await bench.fetch(`${bench.server.url}/model.bin`);
    assert.deepEqual(await readFile(join(bench.dir, "model.bin")), body);
  });
});

describe("a compressed stream", () => {
  const headers = { "content-encoding": "gzip" };
  it("that is cut comes again", async (t) => {
    const bench = await createBench(t);
    bench.server.files.set("/model.bin", { body: gzipSync(body), etag, hasRanges: false, headers });
    bench.server.fault = ({ nth }) => (nth === 1 ? { cutAfter: 50_000 } : undefined);
    await bench.fetch(`${bench.server.url}/model.bin`);
    assert.deepEqual(await readFile(join(bench.dir, "model.bin")), body);
  });
  it("that is none is told as such", async (t) => {
    const bench = await createBench(t);
    bench.server.files.set("/model.bin", { body, etag, hasRanges: false, headers });
    await assert.rejects(
      bench.fetch(`${bench.server.url}/model.bin`),
      /Cannot decompress what '.*' sends as gzip: incorrect header/,
    );
  });
});

const faults: { name: string; hasRanges: boolean; fault: (request: SeenRequest) => Fault | undefined }[] = [
  {
    name: "each part's first connection is cut",
    hasRanges: true,
    fault: (r) => (isPart(r) && r.nth % 2 === 1 ? { cutAfter: 1_000 } : undefined),
  },
  {
    name: "the only stream is cut twice",
    hasRanges: false,
    fault: ({ nth }) => (nth === 1 || nth === 2 ? { cutAfter: 100_000 } : undefined),
  },
  {
    name: "the server answers 503 and 429 at times",
    hasRanges: true,
    fault: ({ nth }) => (nth % 3 === 1 ? { status: nth % 2 === 1 ? 503 : 429 } : undefined),
  },
  {
    name: "the first request gets 500",
    hasRanges: true,
    fault: ({ nth }) => (nth === 0 ? { status: 500 } : undefined),
  },
];

describe("a download that is disturbed", () => {
  for (const { name, hasRanges, fault } of faults) {
    it(`goes on when ${name}`, async (t) => {
      const bench = await createBench(t);
      bench.server.files.set("/model.bin", { body, etag, hasRanges });
      bench.server.fault = fault;
      await bench.fetch(`${bench.server.url}/model.bin`);
      assert.equal(sha256(await readFile(join(bench.dir, "model.bin"))), sha256(body));
      assert.ok(bench.waits.length > 0);
    });
  }

  it("waits as long as the server asks", async (t) => {
    const bench = await createBench(t);
    bench.server.files.set("/model.bin", { body, etag });
    bench.server.fault = ({ nth }) => (nth === 0 ? { status: 503, headers: { "retry-after": "7" } } : undefined);
    await bench.fetch(`${bench.server.url}/model.bin`);
    assert.deepEqual(bench.waits, [7_000]);
  });

  it("gives up after a while, keeps what it has, and the next start goes on from there", async (t) => {
    const bench = await createBench(t);
    bench.server.files.set("/model.bin", { body, etag });
    bench.server.fault = ({ headers }) =>
      headers.range?.startsWith(`bytes=${9 * partBytes}-`) ? { status: 503 } : undefined;
    await assert.rejects(bench.fetch(`${bench.server.url}/model.bin`), /failed with status code 503/);
    assert.equal(existsSync(join(bench.dir, "model.bin")), false);
    bench.server.fault = () => undefined;
    const before = bench.server.seen.length;
    await bench.fetch(`${bench.server.url}/model.bin`);
    assert.ok(bench.server.seen.slice(before).filter(isPart).length < 11);
    assert.ok(bench.lines.some((line) => line.startsWith("Going on after ")));
    assert.equal(sha256(await readFile(join(bench.dir, "model.bin"))), sha256(body));
  });

  it("never goes on with other bytes: a new version between two starts is fetched whole", async (t) => {
    const bench = await createBench(t);
    bench.server.files.set("/model.bin", { body, etag });
    bench.server.fault = ({ headers }) =>
      headers.range?.startsWith(`bytes=${9 * partBytes}-`) ? { status: 503 } : undefined;
    await assert.rejects(bench.fetch(`${bench.server.url}/model.bin`));
    bench.server.fault = () => undefined;
    const next = noise(body.byteLength, 2);
    bench.server.files.set("/model.bin", { body: next, etag: '"v2"' });
    await bench.fetch(`${bench.server.url}/model.bin`);
    assert.equal(sha256(await readFile(join(bench.dir, "model.bin"))), sha256(next));
  });

  for (const { name, spoil } of [
    { name: "is gone (the end came right after it was put into place)", spoil: (path: string) => rm(path) },
    { name: "is shorter than its record", spoil: (path: string) => truncate(path, 10) },
  ]) {
    it(`does not trust a record whose file ${name}`, async (t) => {
      const bench = await createBench(t);
      bench.server.files.set("/model.bin", { body, etag });
      bench.server.fault = ({ headers }) =>
        headers.range?.startsWith(`bytes=${9 * partBytes}-`) ? { status: 503 } : undefined;
      await assert.rejects(bench.fetch(`${bench.server.url}/model.bin`));
      bench.server.fault = () => undefined;
      const part = (await readdir(bench.dir, { recursive: true })).find((path) => path.endsWith(".part")) as string;
      await spoil(join(bench.dir, part));
      await bench.fetch(`${bench.server.url}/model.bin`);
      assert.equal(sha256(await readFile(join(bench.dir, "model.bin"))), sha256(body));
    });
  }

  it("does not trust pages of an earlier boot", async (t) => {
    const bench = await createBench(t);
    bench.server.files.set("/model.bin", { body, etag });
    bench.server.fault = ({ headers }) =>
      headers.range?.startsWith(`bytes=${9 * partBytes}-`) ? { status: 503 } : undefined;
    await assert.rejects(bench.fetch(`${bench.server.url}/model.bin`));
    bench.server.fault = () => undefined;
    const before = bench.server.seen.length;
    await bench.fetch(`${bench.server.url}/model.bin`, { bootId: "next boot" });
    assert.equal(bench.server.seen.slice(before).filter(isPart).length, 11);
  });

  it("starts over when the version changes in the middle", async (t) => {
    const bench = await createBench(t);
    const next = noise(body.byteLength + 5, 3);
    bench.server.files.set("/model.bin", { body, etag });
    let parts = 0;
    bench.server.fault = (request) => {
      if (isPart(request) && ++parts === 4) bench.server.files.set("/model.bin", { body: next, etag: '"v2"' });
      return undefined;
    };
    await bench.fetch(`${bench.server.url}/model.bin`);
    assert.equal(sha256(await readFile(join(bench.dir, "model.bin"))), sha256(next));
  });

  it("says so when the source never holds still", async (t) => {
    const bench = await createBench(t);
    let version = 0;
    bench.server.fault = () => {
      bench.server.files.set("/model.bin", { body, etag: `"v${version++}"` });
      return undefined;
    };
    bench.server.files.set("/model.bin", { body, etag });
    await assert.rejects(bench.fetch(`${bench.server.url}/model.bin`), /changed 3 times while it was being read/);
  });
});

describe("what cannot work fails at once, with the reason", () => {
  for (const { name, fault, says } of [
    { name: "401", fault: { status: 401 }, says: /HTTP authentication failed for '.*'\. Verify credentials\./ },
    { name: "403", fault: { status: 403 }, says: /HTTP access denied for '.*'\. Verify permissions\./ },
    { name: "404", fault: { status: 404 }, says: /HTTP resource not found at '.*model\.bin\?…'\./ },
    {
      name: "a login page",
      fault: { headers: { "content-type": "text/html" } },
      says: /did not respond with 'Content-Type': 'application\/octet-stream' \(it sent 'text\/html'\)/,
    },
  ]) {
    it(name, async (t) => {
      const bench = await createBench(t);
      bench.server.files.set("/model.bin", { body, etag });
      bench.server.fault = () => fault;
      await assert.rejects(bench.fetch(`${bench.server.url}/model.bin?token=secret`), (error: Error) => {
        assert.match(error.message, says);
        assert.doesNotMatch(error.message, /secret/);
        return true;
      });
      assert.equal(bench.server.seen.length, 1);
    });
  }

  it("nothing listens: several tries, then host and reason", async (t) => {
    const bench = await createBench(t);
    await bench.server.close();
    await assert.rejects(
      bench.fetch(`${bench.server.url}/model.bin`),
      /Failed to connect to HTTP endpoint '.*'\. nothing listens there \(connection refused\)/,
    );
    assert.deepEqual(bench.waits, [100, 200, 400]);
  });

  it("a server that stalls is left after the time limit", async (t) => {
    const bench = await createBench(t);
    bench.server.files.set("/model.bin", { body, etag });
    const never = Promise.withResolvers<void>();
    t.after(() => never.resolve());
    bench.server.fault = ({ nth }) => (nth === 2 ? { gate: never.promise } : undefined);
    await bench.fetch(`${bench.server.url}/model.bin`, { stallMs: 1_000 });
    assert.equal(sha256(await readFile(join(bench.dir, "model.bin"))), sha256(body));
    assert.ok(
      bench.lines.some((line) => line.includes("no byte came")),
      bench.lines.join("\n"),
    );
  });
});

describe("checksums", () => {
  const wrong = "0".repeat(64);
  const good = sha256(body);
  for (const { name, fragment, headers } of [
    { name: "in the URI's fragment", fragment: `#sha256=${good}`, headers: {} },
    {
      name: "in Repr-Digest",
      fragment: "",
      headers: { "repr-digest": `sha-256=:${Buffer.from(good, "hex").toString("base64")}:` },
    },
  ]) {
    it(`${name} are accepted when they fit`, async (t) => {
      const bench = await createBench(t);
      bench.server.files.set("/model.bin", { body, etag, headers });
      await bench.fetch(`${bench.server.url}/model.bin${fragment}`);
      assert.equal(sha256(await readFile(join(bench.dir, "model.bin"))), good);
    });
  }

  for (const hasRanges of [true, false]) {
    it(`that do not fit fail after a second try and leave nothing (${hasRanges ? "parts" : "stream"})`, async (t) => {
      const bench = await createBench(t);
      bench.server.files.set("/model.bin", { body, etag, hasRanges });
      await assert.rejects(
        bench.fetch(`${bench.server.url}/model.bin#sha256=${wrong}`),
        /The sha256 of .* is [0-9a-f]{64}, but the source says 0{64}/,
      );
      assert.equal(bench.waits.length, 1);
      const left = await readdir(bench.dir, { recursive: true });
      assert.deepEqual(
        left.filter((name) => /part|ledger|model/.test(name)),
        [],
      );
    });
  }
});

describe("redirects and hosts", () => {
  it("a redirect is followed, without the headers meant for the first host", async (t) => {
    const bench = await createBench(t);
    const other = await createBench(t);
    other.server.files.set("/cdn.bin", { body, etag });
    bench.server.fault = () => ({ status: 302, headers: { location: `${other.server.url}/cdn.bin` } });
    const env = { "127.0.0.1-headers": '{"authorization": "Bearer top", "x-team": "a"}' };
    await bench.fetch(`${bench.server.url}/model.bin`, { env });
    assert.equal(bench.server.seen[0]?.headers["authorization"], "Bearer top");
    assert.equal(
      other.server.seen.some(({ headers }) => "authorization" in headers || "x-team" in headers),
      false,
    );
    assert.deepEqual(await readFile(join(bench.dir, "model.bin")), body);
  });

  for (const { name, location, says } of [
    {
      name: "to a metadata address",
      location: "http://169.254.169.254/latest/x.bin",
      says: /Refuse to fetch from '169\.254\.169\.254'/,
    },
    { name: "to a file", location: "file:///etc/passwd", says: /not an http or https address/ },
    { name: "in a circle", location: "/model.bin", says: /more than 10 redirects/ },
  ]) {
    it(`a redirect ${name} is refused`, async (t) => {
      const bench = await createBench(t);
      bench.server.fault = () => ({ status: 307, headers: { location } });
      await assert.rejects(bench.fetch(`${bench.server.url}/model.bin`), says);
    });
  }

  for (const address of ["169.254.169.254", "fd00:ec2::254"]) {
    it(`a name that resolves to ${address} is refused when it connects`, async (t) => {
      const bench = await createBench(t);
      const lookup = ((_host: string, _options: object, done: (error: null, all: object[]) => void) =>
        done(null, [{ address, family: address.includes(":") ? 6 : 4 }])) as never;
      await assert.rejects(
        bench.fetch("http://models.example/model.bin", { lookup }),
        new RegExp(`Refuse to fetch from 'models\\.example' \\(${address}\\)`),
      );
      assert.deepEqual(bench.waits, []);
    });
  }

  it("headers that are no JSON object are refused without showing them", async (t) => {
    const bench = await createBench(t);
    await assert.rejects(
      bench.fetch(`${bench.server.url}/model.bin`, { env: { "127.0.0.1-headers": "Bearer hunter2" } }),
      (error: Error) => {
        assert.match(error.message, /127\.0\.0\.1-headers is not a JSON object/);
        assert.doesNotMatch(error.message, /hunter2/);
        return true;
      },
    );
  });
});

describe("archives over http", () => {
  const packed = (): Promise<Buffer> => tarOf([{ name: "m/model.bin", body: "weights" }]);
  const zipped = zipOf([{ name: "m/model.bin", body: "weights" }]);
  for (const { path, bytes, headers = {}, contentType } of [
    { path: "/m.tar", bytes: packed, contentType: "application/x-tar" },
    { path: "/m.tgz", bytes: async () => gzipSync(await packed()), contentType: "application/gzip" },
    { path: "/m.tar.gz", bytes: async () => gzipSync(await packed()), contentType: "application/octet-stream" },
    // KServe: what a server calls an encoding is undone first, whatever the name says.
    {
      path: "/m.tar.gz",
      bytes: async () => gzipSync(await packed()),
      contentType: "application/x-tar",
      headers: { "content-encoding": "gzip" },
    },
    { path: "/m.zip", bytes: async () => zipped, contentType: "application/zip" },
    { path: "/download?file=m.zip", bytes: async () => zipped, contentType: "application/x-zip-compressed" },
  ]) {
    it(`${path} as ${contentType} is unpacked and not kept`, async (t) => {
      const bench = await createBench(t);
      bench.server.files.set(path.split("?")[0] as string, { body: await bytes(), etag, contentType, headers });
      await bench.fetch(`${bench.server.url}${path}`);
      const left = (await readdir(bench.dir, { recursive: true })).filter((name) => !name.startsWith(".serval-fetch"));
      assert.deepEqual(left.sort(), ["m", "m/model.bin"]);
      assert.equal(await readFile(join(bench.dir, "m/model.bin"), "utf8"), "weights");
      const before = bench.server.seen.length;
      await bench.fetch(`${bench.server.url}${path}`);
      assert.equal(bench.server.seen.length, before);
    });
  }

  for (const { path, contentType } of [
    { path: "/m.zip", contentType: "text/html" },
    { path: "/m.tgz", contentType: "application/zip" },
    { path: "/m.joblib", contentType: "application/json" },
  ]) {
    it(`${path} as ${contentType} is refused`, async (t) => {
      const bench = await createBench(t);
      bench.server.files.set(path, { body, etag, contentType });
      await assert.rejects(bench.fetch(`${bench.server.url}${path}`), /did not respond with .*'Content-Type'/);
    });
  }

  it("a hostile one leaves nothing, and is looked at anew at the next start", async (t) => {
    const bench = await createBench(t);
    bench.server.files.set("/m.tar", { body: await tarOf([{ name: "../x", body: "x" }]), etag });
    await assert.rejects(bench.fetch(`${bench.server.url}/m.tar`), /Entry "\.\.\/x" is refused/);
    bench.server.files.set("/m.tar", { body: await packed(), etag });
    await bench.fetch(`${bench.server.url}/m.tar`);
    assert.equal(existsSync(join(bench.root, "x")), false);
    assert.equal(await readFile(join(bench.dir, "m/model.bin"), "utf8"), "weights");
  });
});

describe("the way to the server", () => {
  it("leads through the proxy of the environment", async (t) => {
    const bench = await createBench(t);
    bench.server.files.set("http://models.example/model.bin", { body, etag });
    await bench.fetch("http://models.example/model.bin", { env: { HTTP_PROXY: bench.server.url } });
    assert.deepEqual(await readFile(join(bench.dir, "model.bin")), body);
  });

  it("does not lead through it for hosts of NO_PROXY", async (t) => {
    const bench = await createBench(t);
    bench.server.files.set("/model.bin", { body, etag });
    const env = { HTTP_PROXY: "http://127.0.0.1:1", NO_PROXY: "127.0.0.1" };
    await bench.fetch(`${bench.server.url}/model.bin`, { env });
    assert.deepEqual(await readFile(join(bench.dir, "model.bin")), body);
  });

  for (const { to, from, says } of [
    { from: "https://a.example/x", to: "http://a.example/y", says: /gives up encryption/ },
    { from: "https://a.example/x", to: "ftp://a.example/y", says: /not an http or https address/ },
  ])
    it(`never from ${from} to ${to}`, () => assert.throws(() => targetOf(to, new URL(from)), says));

  it("a CA bundle that is not there is named", async (t) => {
    const bench = await createBench(t);
    const env = { CA_BUNDLE_CONFIGMAP_NAME: "ca", CA_BUNDLE_VOLUME_MOUNT_POINT: bench.root };
    await assert.rejects(
      bench.fetch(`${bench.server.url}/x.bin`, { env }),
      /Failed to find ca bundle file\(.*cabundle\.crt\)/,
    );
  });
});
