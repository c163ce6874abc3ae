// SPDX-License-Identifier: Apache-2.0
// The seam between "where models come from" and everything that is written once: resume, checks, unpacking, progress.
import type { Readable } from "node:stream";
import type { HttpClient } from "./transport/http-client.ts";

export interface Checksum {
  readonly algorithm: "md5" | "crc32c" | "sha256";
  readonly hex: string;
}

export interface SourceFile {
  /** Relative to the destination, as the source names it: untrusted until `safePath` has seen it. */
  readonly path: string;
  /** Undefined: the source does not say. */
  readonly sizeBytes: number | undefined;
  /** Equal versions are equal bytes. Undefined: the source cannot tell, so nothing outlives this process. */
  readonly version: string | undefined;
  /** Parts can be asked for. Needs `sizeBytes`. */
  readonly hasRanges: boolean;
  readonly checksum?: Checksum | undefined;
  /** What the scheme needs to open it again. */
  readonly locator: string;
  /** Set where the name says nothing but the source does. */
  readonly archive?: "tar" | "zip" | undefined;
}

export interface OpenedFile {
  readonly stream: Readable;
  /** The bytes on the wire are gzip of the file. The checksum is of the wire's bytes. */
  readonly isGzip: boolean;
}

/** What a scheme may use. */
export interface Access {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly http: HttpClient;
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
}

export interface ByteRange {
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
}

export interface StorageScheme {
  readonly name: string;
  /** `gs://`; matched longest first. */
  readonly prefixes: readonly string[];
  /** Keys of a Secret that the scheme reads, and the environment variables they become. */
  readonly secretKeys: Readonly<Record<string, { env: string; required: boolean }>>;
  /** Every file below the URI, in any order. Nothing there is an error that says so. @throws FetchError */
  list(uri: string, access: Access): AsyncIterable<SourceFile>;
  /**
   * The bytes of a listed file; with `range` exactly those (fewer only when the connection breaks).
   *
   * @throws SourceChanged when the source now holds another version, FetchError otherwise.
   */
  open(file: SourceFile, range: ByteRange | undefined, access: Access): Promise<OpenedFile>;
  /** Schemes whose files are on this machine: the path that is linked instead of copied. @throws FetchError */
  localPath?(uri: string, access: Access): Promise<string>;
}
