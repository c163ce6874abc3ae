// SPDX-License-Identifier: Apache-2.0
// gs://: public objects of Google Cloud Storage over its JSON API, without credentials. Generations pin the bytes.
// @see https://cloud.google.com/storage/docs/json_api/v1/objects
import { posix } from "node:path";
import { connectionFailure, FetchError, SourceChanged } from "../errors.ts";
import type { Access, SourceFile, StorageScheme } from "../scheme.ts";
import type { HttpAnswer } from "../transport/http-client.ts";
import { failureOf, googleHash, parseContentRange } from "./answers.ts";

interface GsObject {
  readonly name: string;
  readonly size: string;
  readonly generation?: string;
  readonly md5Hash?: string;
  readonly crc32c?: string;
  readonly contentEncoding?: string;
}

const fields = "name,size,generation,md5Hash,crc32c,contentEncoding";
const credentialsHint =
  "This release reads public objects only: grant allUsers the role Storage Object Viewer, or use another scheme";
const maxListBytes = 64 * 1024 * 1024;

/** `gs://bucket/path`. The path is taken as it is written: object names are not percent-encoded in URIs. */
export function parseGsUri(uri: string): { bucket: string; path: string } {
  const match = /^gs:\/\/([a-z0-9][a-z0-9._-]{1,220}[a-z0-9])(?:\/(.*))?$/s.exec(uri);
  if (match === null)
    throw new FetchError(`Cannot fetch '${uri}': it is not of the form gs://BUCKET/PATH`, {
      fix: "Correct storageUri",
    });
  return { bucket: match[1] as string, path: (match[2] ?? "").replace(/\/+$/, "") };
}

/** STORAGE_EMULATOR_HOST, with or without a scheme, as Google's own clients read it. */
export function endpointOf(env: Access["env"]): string {
  const host = env["STORAGE_EMULATOR_HOST"];
  if (host === undefined || host === "") return "https://storage.googleapis.com";
  return (host.includes("://") ? host : `http://${host}`).replace(/\/+$/, "");
}

async function get(url: string, headers: Record<string, string>, access: Access): Promise<HttpAnswer> {
  try {
    return await access.http.get(url, { headers, signal: access.signal });
  } catch (error) {
    throw connectionFailure("GCS", url, error);
  }
}

async function readJson<T>(url: string, uri: string, access: Access): Promise<T | undefined> {
  const answer = await get(url, { accept: "application/json" }, access);
  if (answer.status === 404) {
    answer.body.destroy();
    return undefined;
  }
  if (answer.status !== 200) throw failureOf(answer, { provider: "GCS", uri, credentialsHint });
  const parts: Buffer[] = [];
  let size = 0;
  try {
    for await (const part of answer.body as AsyncIterable<Buffer>) {
      size += part.byteLength;
      if (size > maxListBytes)
        throw new FetchError("The list of objects is larger than 64 MiB", { fix: "Name a deeper folder" });
      parts.push(part);
    }
  } catch (error) {
    throw connectionFailure("GCS", url, error);
  }
  try {
    return JSON.parse(Buffer.concat(parts).toString("utf8")) as T;
  } catch (cause) {
    throw new FetchError(`GCS error: the answer for '${uri}' is not JSON`, {
      fix: "Check STORAGE_EMULATOR_HOST and proxies",
      cause,
    });
  }
}

const objectUrl = (env: Access["env"], bucket: string, name: string): string =>
  `${endpointOf(env)}/storage/v1/b/${bucket}/o/${encodeURIComponent(name)}`;

function describe(object: GsObject, path: string, url: string): SourceFile {
  const isEncoded = (object.contentEncoding ?? "") === "gzip";
  const size = Number(object.size);
  return {
    path,
    // The size of an encoded object is that of its gzip, not of the file.
    sizeBytes: isEncoded || !Number.isSafeInteger(size) ? undefined : size,
    hasRanges: !isEncoded && Number.isSafeInteger(size),
    version: object.generation,
    checksum: googleHash(object.md5Hash, object.crc32c),
    locator: url,
  };
}

async function* listFolder(uri: string, access: Access): AsyncIterable<SourceFile> {
  const { bucket, path } = parseGsUri(uri);
  // A folder's boundary counts: `gs://b/model` is not `gs://b/model2/x`.
  const prefix = path === "" ? "" : `${path}/`;
  let pageToken: string | undefined;
  do {
    const query = new URLSearchParams({ prefix, fields: `items(${fields}),nextPageToken` });
    if (pageToken !== undefined) query.set("pageToken", pageToken);
    const url = `${endpointOf(access.env)}/storage/v1/b/${bucket}/o?${query}`;
    const page = await readJson<{ items?: GsObject[]; nextPageToken?: string }>(url, uri, access);
    if (page === undefined)
      throw new FetchError(`GCS resource '${uri}' not found.`, { fix: `Check that the bucket "${bucket}" exists` });
    for (const object of page.items ?? []) {
      if (object.name.endsWith("/")) continue;
      yield describe(object, object.name.slice(prefix.length), objectUrl(access.env, bucket, object.name));
    }
    pageToken = page.nextPageToken;
  } while (pageToken !== undefined && pageToken !== "");
}

export const gs: StorageScheme = {
  name: "gs",
  prefixes: ["gs://"],
  secretKeys: { "gcloud-application-credentials.json": { env: "GOOGLE_APPLICATION_CREDENTIALS", required: false } },
  async *list(uri, access) {
    let isFolder = false;
    for await (const file of listFolder(uri, access)) {
      isFolder = true;
      yield file;
    }
    const { bucket, path } = parseGsUri(uri);
    if (isFolder || path === "") return;
    const url = objectUrl(access.env, bucket, path);
    const object = await readJson<GsObject>(`${url}?fields=${fields}`, uri, access);
    if (object !== undefined) yield describe(object, posix.basename(object.name), url);
  },
  async open(file, range, access) {
    const query = new URLSearchParams({ alt: "media" });
    if (file.version !== undefined) query.set("generation", file.version);
    const headers: Record<string, string> =
      range === undefined ? { "accept-encoding": "gzip" } : { range: `bytes=${range.start}-${range.end - 1}` };
    const answer = await get(`${file.locator}?${query}`, headers, access);
    const isPart = answer.status === 206;
    if (isPart && parseContentRange(answer.headers["content-range"])?.start === range?.start)
      return { stream: answer.body, isGzip: false };
    if (answer.status === 200 && (range === undefined || (range.start === 0 && range.end === file.sizeBytes)))
      return { stream: answer.body, isGzip: answer.headers["content-encoding"] === "gzip" };
    // The generation that was listed is gone: the object was overwritten or deleted.
    if (answer.status === 404 || answer.status === 412 || answer.status === 416 || answer.status === 200 || isPart) {
      answer.body.destroy();
      throw new SourceChanged("the object changed while it was being read");
    }
    throw failureOf(answer, { provider: "GCS", uri: file.locator, credentialsHint });
  },
};
