// SPDX-License-Identifier: Apache-2.0
// http:// and https://: one file or one archive. One byte is asked for first, which tells size, version and whether the
// server knows ranges, with the method that signed URLs allow.
// Source of rules and texts: KServe kserve_storage.py `_download_from_uri`.
import { archiveKind } from "../archive/kind.ts";
import { connectionFailure, FetchError, redactUri, SourceChanged } from "../errors.ts";
import type { Access, OpenedFile, SourceFile, StorageScheme } from "../scheme.ts";
import type { HttpAnswer } from "../transport/http-client.ts";
import { checkRange, checksumOf, failureOf, parseContentRange, versionOf } from "./answers.ts";

const credentialsHint =
  "Give the request headers in a Secret with the keys https-host and headers, attached to the service account";
const contextOf = (uri: string) => ({ provider: "HTTP", uri, credentialsHint });

/** The headers of exactly this host, from `<host>-headers` (a JSON object), as KServe's credentials builder sets it. */
export function hostHeaders(url: URL, env: Access["env"]): Record<string, string> {
  const name = `${url.hostname}-headers`;
  const text = env[name];
  if (text === undefined || text === "") return {};
  const bad = (): FetchError =>
    new FetchError(`Cannot read the headers for '${url.hostname}': ${name} is not a JSON object of texts`, {
      fix: 'Write the Secret\'s key headers as {"name": "value"}',
    });
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) throw bad();
    if (Object.values(parsed).some((value) => typeof value !== "string")) throw bad();
    return parsed as Record<string, string>;
  } catch {
    throw bad();
  }
}

const zipTypes = ["application/x-zip-compressed", "application/zip", "application/zip-compressed"];
const tarTypes = ["application/x-tar", "application/x-gtar", "application/x-gzip", "application/gzip"];
const plainTypes = ["application/octet-stream"];

/** Beyond KServe's list: what object stores and web servers send for plain files and archives. */
const extraTypes: Readonly<Record<string, readonly string[]>> = {
  zip: ["application/octet-stream", "binary/octet-stream"],
  tar: ["application/octet-stream", "binary/octet-stream", "application/zstd", "application/x-compressed-tar"],
  json: ["binary/octet-stream", "application/json"],
  plain: ["binary/octet-stream"],
};

/** KServe: a wrong content type is refused, so that a login page is never saved as a model. */
export function checkContentType(uri: string, answer: HttpAnswer, kind: "tar" | "zip" | undefined): void {
  const type = (answer.headers["content-type"] ?? "").toLowerCase();
  const allowed = kind === "zip" ? zipTypes : kind === "tar" ? tarTypes : plainTypes;
  const name = kind ?? (new URL(uri).pathname.endsWith(".json") ? "json" : "plain");
  if ([...allowed, ...(extraTypes[name] ?? [])].some((one) => type.startsWith(one))) return;
  answer.body.destroy();
  const text =
    kind === undefined
      ? `URI: ${redactUri(uri)} did not respond with 'Content-Type': 'application/octet-stream'`
      : `URI: ${redactUri(uri)} did not respond with any of following 'Content-Type': ${allowed.join(", ")}`;
  throw new FetchError(`${text} (it sent '${type}')`, {
    fix: "Point storageUri at the file itself, not at a page about it, and let the server send that content type",
  });
}

async function get(uri: string, headers: Record<string, string>, access: Access): Promise<HttpAnswer> {
  const url = new URL(uri);
  try {
    return await access.http.get(uri, {
      headers,
      secretHeaders: hostHeaders(url, access.env),
      signal: access.signal,
    });
  } catch (error) {
    throw connectionFailure("HTTP", uri, error);
  }
}

function parseUri(uri: string): { url: URL; name: string; kind: "tar" | "zip" | undefined } {
  const url = URL.parse(uri);
  if (url === null)
    throw new FetchError(`Cannot fetch '${redactUri(uri)}': it is not a valid address`, { fix: "Correct storageUri" });
  const last = url.pathname.split("/").at(-1) ?? "";
  if (last === "")
    throw new FetchError(`No filename contained in URI: ${redactUri(uri)}`, {
      fix: "Let storageUri end in the name of a file or archive",
    });
  // KServe: the query string decides where the path has no ending (`/download?file=model.zip`).
  return { url, name: safeDecode(last), kind: archiveKind(url.pathname) ?? archiveKind(url.search) };
}

function safeDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** `#sha256=<hex>` of the URI, an addition to KServe's form. */
function fragmentChecksum(url: URL): SourceFile["checksum"] {
  const match = /^#sha256=([0-9a-f]{64})$/i.exec(url.hash);
  return match === null ? undefined : { algorithm: "sha256", hex: (match[1] as string).toLowerCase() };
}

function describe(uri: string, answer: HttpAnswer): SourceFile {
  const { url, name, kind } = parseUri(uri);
  const { headers, status } = answer;
  const range = parseContentRange(headers["content-range"]);
  const isEncoded = !["", "identity"].includes(headers["content-encoding"] ?? "");
  const hasRanges = status === 206 && range?.total !== undefined && !isEncoded;
  const length = headers["content-length"];
  const whole = status === 416 ? 0 : status === 200 && length !== undefined && !isEncoded ? Number(length) : undefined;
  return {
    path: name,
    archive: kind,
    locator: uri,
    hasRanges,
    sizeBytes: hasRanges ? range.total : whole,
    version: versionOf(headers),
    checksum: fragmentChecksum(url) ?? checksumOf(headers),
  };
}

/** If-Range may only carry a strong validator (RFC 9110 section 13.1.5); weak ones are compared by `checkRange`. */
const ifRange = (version: string | undefined): Record<string, string> =>
  version === undefined || version.startsWith("W/") ? {} : { "if-range": version };

async function openPart(file: SourceFile, { start, end }: { start: number; end: number }, access: Access) {
  const headers = { range: `bytes=${start}-${end - 1}`, ...ifRange(file.version) };
  const answer = await get(file.locator, headers, access);
  if (answer.status === 416 || answer.status === 412) throw new SourceChanged("the source changed its size");
  if (answer.status !== 206 && answer.status !== 200) throw failureOf(answer, contextOf(file.locator));
  checkRange(answer, { start, total: file.sizeBytes ?? 0, version: file.version });
  return { stream: answer.body, isGzip: false };
}

async function openWhole(file: SourceFile, access: Access): Promise<OpenedFile> {
  const answer = await get(file.locator, {}, access);
  if (answer.status !== 200) throw failureOf(answer, contextOf(file.locator));
  const encoding = answer.headers["content-encoding"] ?? "";
  if (!["", "identity", "gzip"].includes(encoding)) {
    answer.body.destroy();
    throw new FetchError(`Cannot read '${redactUri(file.locator)}': the server compresses it as '${encoding}'`, {
      fix: "Let the server send the file as it is",
    });
  }
  const version = versionOf(answer.headers);
  if (file.version !== undefined && version !== file.version) {
    answer.body.destroy();
    throw new SourceChanged("the source changed while it was being read");
  }
  return { stream: answer.body, isGzip: encoding === "gzip" };
}

export const http: StorageScheme = {
  name: "http",
  prefixes: ["https://", "http://"],
  secretKeys: { "https-host": { env: "<host>-headers", required: false } },
  async *list(uri, access) {
    const { kind } = parseUri(uri);
    const answer = await get(uri, { range: "bytes=0-0" }, access);
    const isEmpty = answer.status === 416 && /\/0$/.test(answer.headers["content-range"] ?? "");
    if (answer.status !== 206 && answer.status !== 200 && !isEmpty) throw failureOf(answer, contextOf(uri));
    if (!isEmpty) checkContentType(uri, answer, kind);
    answer.body.destroy();
    yield describe(uri, answer);
  },
  open: (file, range, access) => (range === undefined ? openWhole(file, access) : openPart(file, range, access)),
};
