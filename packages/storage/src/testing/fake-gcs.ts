// SPDX-License-Identifier: Apache-2.0
// Google Cloud Storage's JSON API as far as public reading goes: list with pages, metadata, media with ranges and
// generations. Answers in the form of the real service.
import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { crc32c } from "../download/checksum.ts";

export interface FakeObject {
  readonly body: Uint8Array;
  readonly generation?: number;
  readonly contentEncoding?: "gzip";
  /** Composed objects have no md5. */
  readonly isComposed?: boolean;
  readonly md5Hash?: string;
}

export interface FakeGcs {
  /** bucket → name → object. */
  readonly buckets: Map<string, Map<string, FakeObject>>;
  pageSize: number;
  handle(request: IncomingMessage, response: ServerResponse): boolean;
}

function crcText(body: Uint8Array): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(crc32c(body));
  return bytes.toString("base64");
}

const metadata = (bucket: string, name: string, object: FakeObject) => ({
  kind: "storage#object",
  bucket,
  name,
  size: String(object.body.byteLength),
  generation: String(object.generation ?? 1),
  crc32c: crcText(object.body),
  ...(object.isComposed === true
    ? {}
    : { md5Hash: object.md5Hash ?? createHash("md5").update(object.body).digest("base64") }),
  ...(object.contentEncoding === undefined ? {} : { contentEncoding: object.contentEncoding }),
});

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { "content-type": "application/json; charset=UTF-8" }).end(JSON.stringify(value));
}

const missing = (response: ServerResponse, what: string): void =>
  sendJson(response, 404, { error: { code: 404, message: `${what} does not exist.` } });

function sendMedia(object: FakeObject, request: IncomingMessage, response: ServerResponse): void {
  const match = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "");
  const size = object.body.byteLength;
  const [start, end] = match === null ? [0, size] : [Number(match[1]), Math.min(size, Number(match[2]) + 1)];
  response.writeHead(match === null ? 200 : 206, {
    "content-length": end - start,
    ...(match === null ? {} : { "content-range": `bytes ${start}-${end - 1}/${size}` }),
    ...(object.contentEncoding === undefined ? {} : { "content-encoding": object.contentEncoding }),
  });
  response.end(object.body.subarray(start, end));
}

export function createFakeGcs(): FakeGcs {
  const self: FakeGcs = {
    buckets: new Map(),
    pageSize: 1_000,
    handle(request, response) {
      const url = new URL(request.url ?? "/", "http://gcs");
      const match = /^\/storage\/v1\/b\/([^/]+)\/o(?:\/(.+))?$/.exec(url.pathname);
      if (match === null) return false;
      const [, bucketName = "", encoded] = match;
      const bucket = self.buckets.get(bucketName);
      if (bucket === undefined) missing(response, "The specified bucket");
      else if (encoded === undefined) {
        const prefix = url.searchParams.get("prefix") ?? "";
        const all = [...bucket].filter(([name]) => name.startsWith(prefix)).sort(([a], [b]) => (a < b ? -1 : 1));
        const from = Number(url.searchParams.get("pageToken") ?? 0);
        const to = from + self.pageSize;
        const items = all.slice(from, to).map(([name, object]) => metadata(bucketName, name, object));
        sendJson(response, 200, {
          kind: "storage#objects",
          ...(items.length === 0 ? {} : { items }),
          ...(to < all.length ? { nextPageToken: String(to) } : {}),
        });
      } else {
        const name = decodeURIComponent(encoded);
        const object = bucket.get(name);
        const generation = url.searchParams.get("generation");
        const isThere = object !== undefined && (generation === null || generation === String(object.generation ?? 1));
        if (!isThere) missing(response, `The object ${name}`);
        else if (url.searchParams.get("alt") === "media") sendMedia(object, request, response);
        else sendJson(response, 200, metadata(bucketName, name, object));
      }
      return true;
    },
  };
  return self;
}
