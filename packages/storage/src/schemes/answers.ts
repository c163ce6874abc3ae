// SPDX-License-Identifier: Apache-2.0
// What an HTTP answer means for a download: usable, gone, refused, overloaded, or another version than before.
import { FetchError, redactUri, SourceChanged } from "../errors.ts";
import type { Checksum } from "../scheme.ts";
import type { HttpAnswer } from "../transport/http-client.ts";

export interface AnswerContext {
  /** `HTTP`, `GCS`: begins the messages. */
  readonly provider: string;
  readonly uri: string;
  readonly credentialsHint: string;
}

function retryAfterMs(header: string | undefined): number | undefined {
  const seconds = Number(header ?? Number.NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1_000 : undefined;
}

/** Source of the sentences: KServe kserve_storage.py, `_download_from_uri` and the error normaliser. */
export function failureOf(answer: HttpAnswer, { provider, uri, credentialsHint }: AnswerContext): FetchError {
  const { status, headers } = answer;
  const where = redactUri(uri);
  answer.body.destroy();
  if (status === 401)
    return new FetchError(`${provider} authentication failed for '${where}'. Verify credentials.`, {
      fix: credentialsHint,
    });
  if (status === 403)
    return new FetchError(`${provider} access denied for '${where}'. Verify permissions.`, { fix: credentialsHint });
  if (status === 404 || status === 410)
    return new FetchError(`${provider} resource not found at '${where}'.`, {
      fix: "Check the path in storageUri; names are case-sensitive",
    });
  const transient = status === 408 || status === 425 || status === 429 || status >= 500;
  return new FetchError(`${provider} request to '${where}' failed with status code ${status}.`, {
    fix: transient ? "The server is overloaded or broken: look at its log, or try later" : "Check the URI",
    transient,
    retryAfterMs: retryAfterMs(headers["retry-after"]),
  });
}

/** `bytes 0-99/1234` → start, total. */
export function parseContentRange(text: string | undefined): { start: number; total: number | undefined } | undefined {
  const match = /^bytes\s+(?:(\d+)-\d+|\*)\/(\d+|\*)$/i.exec(text ?? "");
  if (match === null) return undefined;
  return { start: Number(match[1] ?? 0), total: match[2] === "*" ? undefined : Number(match[2]) };
}

/** A validator that names exact bytes: a strong ETag, else Last-Modified (RFC 9110 section 8.8). */
export function versionOf(headers: HttpAnswer["headers"]): string | undefined {
  const etag = headers["etag"];
  if (etag !== undefined && etag !== "") return etag;
  const modified = headers["last-modified"];
  return modified === undefined || modified === "" ? undefined : modified;
}

const base64Hex = (text: string): string => Buffer.from(text, "base64").toString("hex");

/** x-goog-hash, Repr-Digest (RFC 9530) and the older Digest, strongest first. */
export function checksumOf(headers: HttpAnswer["headers"]): Checksum | undefined {
  const repr = /(?:^|[\s,])sha-256=:?([A-Za-z0-9+/]{43}=):?/i.exec(headers["repr-digest"] ?? headers["digest"] ?? "");
  if (repr !== null) return { algorithm: "sha256", hex: base64Hex(repr[1] as string) };
  return googleHash(
    /md5=([A-Za-z0-9+/=]+)/.exec(headers["x-goog-hash"] ?? "")?.[1],
    /crc32c=([A-Za-z0-9+/=]+)/.exec(headers["x-goog-hash"] ?? "")?.[1],
  );
}

/** Composed objects have a crc32c only. */
export function googleHash(md5: string | undefined, crc32c: string | undefined): Checksum | undefined {
  if (md5 !== undefined) return { algorithm: "md5", hex: base64Hex(md5) };
  return crc32c === undefined ? undefined : { algorithm: "crc32c", hex: base64Hex(crc32c) };
}

/**
 * Judges the answer to a request for a part.
 *
 * @throws SourceChanged when the server sends the whole again (If-Range did not match) or names another version.
 */
export function checkRange(
  answer: HttpAnswer,
  wanted: { start: number; total: number; version: string | undefined },
): void {
  const range = parseContentRange(answer.headers["content-range"]);
  const version = versionOf(answer.headers);
  const isSame = wanted.version === undefined || version === undefined || version === wanted.version;
  const fits = range !== undefined && (range.total ?? wanted.total) === wanted.total;
  if (answer.status === 206 && fits && isSame && range.start === wanted.start) return;
  answer.body.destroy();
  throw new SourceChanged("the source changed while it was being read");
}
