// SPDX-License-Identifier: Apache-2.0
// Archives that people make, and archives that attackers make.
import assert from "node:assert/strict";
import { lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { type TarItem, tarOf, type ZipItem, zipOf } from "../testing/archives.ts";
import { defaultLimits, type UnpackLimits } from "./extraction.ts";
import { unpackArchive } from "./unpack.ts";

async function tryUnpack(t: TestContext, bytes: Uint8Array, limits: Partial<UnpackLimits> = {}) {
  const root = await mkdtemp(join(tmpdir(), "serval-unpack-"));
  t.after(() => rm(root, { recursive: true, force: true }));
  const [archive, dir, stagingDir] = [join(root, "archive"), join(root, "models"), join(root, "models", ".staging")];
  await mkdir(dir);
  await writeFile(archive, bytes);
  const options = { archive, dir, stagingDir, limits: { ...defaultLimits, ...limits }, signal: t.signal };
  const result = await unpackArchive(options).then(
    () => undefined,
    (error: Error) => error,
  );
  return { root, dir, error: result, names: (await readdir(dir, { recursive: true })).sort() };
}

const good: TarItem[] = [
  { name: "./", type: "directory" },
  { name: "model/", type: "directory" },
  { name: "model/weights.bin", body: "weights", mode: 0o4666 },
  { name: "./run.sh", body: "#!/bin/sh", mode: 0o755 },
  { name: "model/deep/er/file", body: "deep" },
  { name: "latest", type: "symlink", linkname: "model/weights.bin" },
  { name: "twin.bin", type: "link", linkname: "model/weights.bin" },
];
const goodNames = [
  "latest",
  "model",
  "model/deep",
  "model/deep/er",
  "model/deep/er/file",
  "model/weights.bin",
  "run.sh",
  "twin.bin",
];

describe("honest archives", () => {
  for (const { name, pack } of [
    { name: "tar", pack: (bytes: Buffer) => bytes },
    { name: "tar.gz", pack: (bytes: Buffer) => gzipSync(bytes) },
    { name: "tar.zst", pack: (bytes: Buffer) => zstdCompressSync(bytes) },
  ]) {
    it(`${name} comes out as it was packed`, async (t) => {
      const { dir, error, names } = await tryUnpack(t, pack(await tarOf(good)));
      assert.equal(error, undefined);
      assert.deepEqual(names, goodNames);
      assert.equal(await readFile(join(dir, "twin.bin"), "utf8"), "weights");
      assert.equal(await readlink(join(dir, "latest")), "model/weights.bin");
      assert.equal((await stat(join(dir, "run.sh"))).mode & 0o7777, 0o755);
      assert.equal((await lstat(join(dir, "model/weights.bin"))).mode & 0o7777, 0o644);
    });
  }

  it("zip comes out as it was packed", async (t) => {
    const items: ZipItem[] = [
      { name: "model/", mode: 0o040755 },
      { name: "model/weights.bin", body: "weights", mode: 0o100644 },
      { name: "latest", body: "model/weights.bin", mode: 0o120777 },
    ];
    const { dir, error, names } = await tryUnpack(t, zipOf(items));
    assert.equal(error, undefined);
    assert.deepEqual(names, ["latest", "model", "model/weights.bin"]);
    assert.equal(await readFile(join(dir, "latest"), "utf8"), "weights");
  });
});

const climbs = /Entry "\.\.\/\.\.\/etc\/cron\.d\/x" is refused: its name climbs out/;
const hostileTars: { name: string; items: TarItem[]; says: RegExp }[] = [
  { name: "a path that climbs out", items: [{ name: "../../etc/cron.d/x", body: "x" }], says: climbs },
  { name: "a climb in the middle", items: [{ name: "a/../../b", body: "x" }], says: /climbs out/ },
  { name: "an absolute path", items: [{ name: "/etc/passwd", body: "x" }], says: /absolute path/ },
  { name: "a drive letter", items: [{ name: "C:/x", body: "x" }], says: /absolute path/ },
  { name: "a backslash", items: [{ name: "..\\x", body: "x" }], says: /backslash/ },
  { name: "a control character", items: [{ name: "a\u001b[2J", body: "x" }], says: /control character/ },
  {
    name: "a link out",
    items: [{ name: "a", type: "symlink", linkname: "/etc" }],
    says: /Entry "a" is refused: it is a link to "\/etc", outside/,
  },
  { name: "a relative link out", items: [{ name: "d/a", type: "symlink", linkname: "../../x" }], says: /outside/ },
  {
    name: "a file behind a link",
    items: [
      { name: "a", type: "symlink", linkname: "b" },
      { name: "a/x", body: "x" },
    ],
    says: /Entry "a\/x" is refused: it lies below an entry that is a link/,
  },
  {
    name: "a file behind a file",
    items: [
      { name: "a", body: "x" },
      { name: "a/x", body: "x" },
    ],
    says: /below an entry that is a file/,
  },
  {
    name: "links that lead out together",
    items: [
      { name: "s/", type: "directory" },
      { name: "s/up", type: "symlink", linkname: ".." },
      { name: "out", type: "symlink", linkname: "s/up/../.." },
    ],
    says: /outside|not in the archive/,
  },
  { name: "a link to nothing", items: [{ name: "a", type: "symlink", linkname: "gone" }], says: /not in the archive/ },
  {
    name: "a hard link out",
    items: [{ name: "a", type: "link", linkname: "/etc/passwd" }],
    says: /hard link to "\/etc\/passwd"/,
  },
  {
    name: "a hard link to a later file",
    items: [
      { name: "a", type: "link", linkname: "b" },
      { name: "b", body: "x" },
    ],
    says: /no earlier file/,
  },
  {
    name: "a device",
    items: [{ name: "null", type: "character-device", devmajor: 1, devminor: 3 }],
    says: /Entry "null" is refused: it is a character-device/,
  },
  { name: "a pipe", items: [{ name: "p", type: "fifo" }], says: /it is a fifo/ },
  {
    name: "the same name twice",
    items: [
      { name: "a", body: "1" },
      { name: "./a", body: "2" },
    ],
    says: /Entry "\.\/a" is refused: another entry has the same name/,
  },
  {
    name: "names that differ in case only",
    items: [
      { name: "a", body: "1" },
      { name: "A", body: "2" },
    ],
    says: /same name/,
  },
  {
    name: "a name longer than any file system takes",
    items: [{ name: `d/${"n".repeat(300)}`, body: "1" }],
    says: /longer than 255 bytes/,
  },
  { name: "our own folder", items: [{ name: "./.serval-fetch/x.done", body: "{}" }], says: /kept for the initializer/ },
  { name: "nothing", items: [], says: /empty or no archive/ },
];

describe("hostile tar archives are refused as a whole", () => {
  for (const { name, items, says } of hostileTars) {
    it(name, async (t) => {
      const { error, names } = await tryUnpack(
        t,
        await tarOf([{ name: "first.bin", body: "fine" }, ...items].slice(items.length === 0 ? 1 : 0)),
      );
      assert.match(error?.message ?? "accepted", says);
      assert.deepEqual(names, []);
    });
  }
});

const hostileZips: { name: string; items: ZipItem[]; says: RegExp }[] = [
  { name: "a path that climbs out", items: [{ name: "../../etc/cron.d/x", body: "x" }], says: climbs },
  { name: "an absolute path", items: [{ name: "/x", body: "x" }], says: /absolute path/ },
  { name: "a drive letter", items: [{ name: "C:\\x", body: "x" }], says: /backslash/ },
  {
    name: "a link out",
    items: [{ name: "a", body: "../../etc", mode: 0o120777 }],
    says: /Entry "a" is refused: it is a link to/,
  },
  { name: "a pipe", items: [{ name: "p", mode: 0o010644 }], says: /special file/ },
  {
    name: "an encrypted entry",
    items: [{ name: "p", body: "x", isEncrypted: true }],
    says: /Entry "p" is refused: it is encrypted/,
  },
  {
    name: "the same name twice",
    items: [
      { name: "a", body: "1" },
      { name: "a", body: "2" },
    ],
    says: /same name/,
  },
  { name: "a size that lies", items: [{ name: "a", body: "12345", declaredBytes: 3 }], says: /format is not valid/ },
];

describe("hostile zip archives are refused as a whole", () => {
  for (const { name, items, says } of hostileZips) {
    it(name, async (t) => {
      const { error, names } = await tryUnpack(t, zipOf([{ name: "first.bin", body: "fine" }, ...items]));
      assert.match(error?.message ?? "accepted", says);
      assert.deepEqual(names, []);
    });
  }
});

const zeros = Buffer.alloc(8 * 1024 * 1024);
describe("limits", () => {
  const tight = { ratioFromBytes: 1024 * 1024 };
  it("a tar bomb stops at the ratio", async (t) => {
    const { error, names } = await tryUnpack(t, gzipSync(await tarOf([{ name: "zeros", body: zeros }])), tight);
    assert.match(error?.message ?? "", /Entry "zeros" makes it grow to more than 200 times its size/);
    assert.deepEqual(names, []);
  });
  it("a zip bomb stops at the ratio", async (t) => {
    const { error } = await tryUnpack(t, zipOf([{ name: "zeros", body: zeros }]), tight);
    assert.match(error?.message ?? "", /more than 200 times its size/);
  });
  it("a small archive of zeros is no bomb", async (t) => {
    const { error } = await tryUnpack(t, gzipSync(await tarOf([{ name: "zeros", body: zeros }])));
    assert.equal(error, undefined);
  });
  it("bytes", async (t) => {
    const { error } = await tryUnpack(
      t,
      await tarOf([
        { name: "a", body: "12345" },
        { name: "b", body: "67890" },
      ]),
      { maxBytes: 8 },
    );
    assert.match(error?.message ?? "", /Entry "b" takes it beyond 8 bytes; the limit is SERVAL_UNPACK_MAX_BYTES/);
  });
  it("entries", async (t) => {
    const items = Array.from({ length: 30 }, (_, i) => ({ name: `f${i}`, body: "x" }));
    const { error } = await tryUnpack(t, zipOf(items), { maxEntries: 29 });
    assert.match(error?.message ?? "", /more than 29 entries/);
  });
  it("a header that never ends is not read into memory", async (t) => {
    const pax = { name: "a", body: "x", pax: { comment: "c".repeat(6 * 1024 * 1024) } };
    const { error } = await tryUnpack(t, gzipSync(await tarOf([pax])));
    assert.match(error?.message ?? "", /Header exceeds max size/);
  });
});

describe("broken archives", () => {
  const noise = Buffer.from("this is no archive, but a page that says so ".repeat(100));
  for (const { name, bytes, says } of [
    { name: "text", bytes: async () => noise, says: /format is not valid|no archive/ },
    {
      name: "a cut tar.gz",
      bytes: async () => gzipSync(await tarOf(good)).subarray(0, 150),
      says: /format is not valid/,
    },
    { name: "a cut tar", bytes: async () => (await tarOf(good)).subarray(0, 2_100), says: /format is not valid/ },
    {
      name: "a cut zip",
      bytes: async () => zipOf([{ name: "a", body: noise }]).subarray(0, 60),
      says: /format is not valid/,
    },
    {
      name: "bzip2",
      bytes: async () => Buffer.from("BZh91AY&SY"),
      says: /bzip2, which is not read here; use \.tar\.gz/,
    },
  ]) {
    it(name, async (t) => {
      const { error, names } = await tryUnpack(t, await bytes());
      assert.match(error?.message ?? "accepted", says);
      assert.deepEqual(names, []);
    });
  }
});
