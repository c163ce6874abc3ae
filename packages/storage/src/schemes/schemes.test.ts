// SPDX-License-Identifier: Apache-2.0
// URIs: which scheme reads them, what their parts are, what is refused and why.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { redactUri } from "../errors.ts";
import { parsePatterns, patternToRegExp } from "../filters.ts";
import { isRefusedAddress } from "../transport/address-guard.ts";
import { parseContentRange } from "./answers.ts";
import { parseFileUri } from "./file.ts";
import { endpointOf, parseGsUri } from "./gs.ts";
import { hostHeaders } from "./http.ts";
import { schemeOf } from "./index.ts";
import { parsePvcUri } from "./pvc.ts";

describe("schemeOf()", () => {
  for (const [uri, name] of [
    ["file:///models/iris", "file"],
    ["/models/iris", "file"],
    ["./iris", "file"],
    ["pvc://claim/iris", "pvc"],
    ["/mnt/pvc/iris", "pvc"],
    ["gs://bucket/iris", "gs"],
    ["http://host/model.bin", "http"],
    ["https://host/repo.github/model.bin", "http"],
  ] as const)
    it(`${uri} → ${name}`, () => assert.equal(schemeOf(uri).name, name));

  for (const [uri, says] of [
    ["s3://bucket/x", /s3:\/\/ is not read in this release; file:\/\/, pvc:\/\/, gs:\/\/, http:\/\/, https:\/\/ are/],
    ["hf://owner/model", /hf:\/\/ is not read in this release/],
    ["oci+native://r/x", /oci:\/\/ is not read/],
    ["webhdfs://n/x", /hdfs:\/\/ is not read/],
    ["https://a.blob.core.windows.net/c/m", /Azure Blob/],
    ["https://host/repo.git", /git \(https/],
    ["foo://x", /Cannot recognize storage type for foo:\/\/x: .* are read; s3:\/\/.* come in a later release/],
    ["model", /Cannot recognize storage type for model/],
  ] as const)
    it(`${uri} is refused by name`, () => assert.throws(() => schemeOf(uri), says));
});

describe("the parts of URIs", () => {
  for (const [uri, bucket, path] of [
    ["gs://b-1/a/b", "b-1", "a/b"],
    ["gs://my.bucket_x/a b/", "my.bucket_x", "a b"],
    ["gs://bucket", "bucket", ""],
    ["gs://bucket/a%20b?c#d", "bucket", "a%20b?c#d"],
  ] as const)
    it(uri, () => assert.deepEqual(parseGsUri(uri), { bucket, path }));

  for (const [uri, claim, path] of [
    ["pvc://claim/a/b", "claim", "a/b"],
    ["pvc://claim", "claim", ""],
    ["/mnt/pvc/a", "", "a"],
  ] as const)
    it(uri, () => assert.deepEqual(parsePvcUri(uri), { claim, path }));

  for (const uri of ["pvc://a/../../x", "pvc:///x", "pvc://UP/x"])
    it(`${uri} is refused`, () => assert.throws(() => parsePvcUri(uri), /not of the form pvc:/));

  for (const [uri, path] of [
    ["file:///a/b", "/a/b"],
    ["file:///a%20b", "/a b"],
    ["file://localhost/a", "/a"],
    ["/a b", "/a b"],
  ] as const)
    it(uri, () => assert.equal(parseFileUri(uri), path));
  it("file://host/a is refused", () => assert.throws(() => parseFileUri("file://host/a"), /three slashes|host/));

  for (const [host, url] of [
    [undefined, "https://storage.googleapis.com"],
    ["localhost:4443", "http://localhost:4443"],
    ["https://fake:4443/", "https://fake:4443"],
  ] as const)
    it(`STORAGE_EMULATOR_HOST=${host}`, () => assert.equal(endpointOf({ STORAGE_EMULATOR_HOST: host }), url));

  for (const [text, range] of [
    ["bytes 0-0/10", { start: 0, total: 10 }],
    ["bytes 5-9/*", { start: 5, total: undefined }],
    ["bytes */10", { start: 0, total: 10 }],
    ["items 0-1/2", undefined],
  ] as const)
    it(`Content-Range: ${text}`, () => assert.deepEqual(parseContentRange(text), range));
});

describe("isRefusedAddress()", () => {
  for (const [host, isRefused] of [
    ["169.254.169.254", true],
    ["169.254.0.1", true],
    ["[::ffff:169.254.169.254]", true],
    ["[::ffff:a9fe:a9fe]", true],
    ["[64:ff9b::a9fe:a9fe]", true],
    ["fd00:ec2::254", true],
    ["fe80::1%eth0", true],
    ["100.100.100.200", true],
    ["127.0.0.1", false],
    ["10.0.0.1", false],
    ["[::1]", false],
    ["fd00:ec2::253", false],
    ["example.com", false],
  ] as const)
    it(`${host} ${isRefused ? "is refused" : "is fine"}`, () => assert.equal(isRefusedAddress(host), isRefused));
  for (const host of ["2852039166", "0xA9FEA9FE", "0251.0376.0251.0376", "169.254.43518"])
    it(`http://${host}/ is the same address in disguise`, () =>
      assert.equal(isRefusedAddress(new URL(`http://${host}/`).hostname), true));
});

describe("what people may see and servers may get", () => {
  for (const [uri, shown] of [
    ["https://u:p@host/x?X-Signature=abc", "https://***@host/x?…"],
    ["https://host/x", "https://host/x"],
    ["gs://b/x", "gs://b/x"],
  ] as const)
    it(`redactUri(${uri})`, () => assert.equal(redactUri(uri), shown));

  const env = { "host.example-headers": '{"a": "1"}' };
  it("headers go to their own host", () =>
    assert.deepEqual(hostHeaders(new URL("https://host.example/x"), env), { a: "1" }));
  for (const url of ["https://evil.host.example/x", "https://host.example.evil/x"])
    it(`headers do not go to ${url}`, () => assert.deepEqual(hostHeaders(new URL(url), env), {}));
});

describe("patterns", () => {
  for (const [pattern, path, matches] of [
    ["*.bin", "a/b.bin", true],
    ["*.bin", "a/b.bin.txt", false],
    ["a?c", "abc", true],
    ["[ab].x", "b.x", true],
    ["[!ab].x", "b.x", false],
    ["a.b", "axb", false],
  ] as const)
    it(`${pattern} ${matches ? "takes" : "leaves"} ${path}`, () =>
      assert.equal(patternToRegExp(pattern).test(path), matches));
  for (const [text, patterns] of [
    ['["a", "b*"]', ["a", "b*"]],
    ["a, b*", ["a", "b*"]],
    ["[ab].x", ["[ab].x"]],
    [undefined, []],
  ] as const)
    it(`${text}`, () => assert.deepEqual(parsePatterns(text), patterns));
});
