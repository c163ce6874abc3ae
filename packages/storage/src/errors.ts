// SPDX-License-Identifier: Apache-2.0
// The failures of fetching: what a user can act on is a ServalError; a source that changed is a signal to start over.
import { ServalError } from "@serval/api/errors/index.ts";

/** Queries and passwords of URIs carry signatures and keys: people see where, never the secret. */
export function redactUri(uri: string): string {
  return uri.replace(/^([a-z][\w+.-]*:\/\/)[^/?#@]*@/i, "$1***@").replace(/[?].*$/s, "?…");
}

export interface FailureOptions {
  readonly fix: string;
  /** true: the same request may succeed later. */
  readonly transient?: boolean;
  readonly cause?: unknown;
  /** The server's own wish, from Retry-After. */
  readonly retryAfterMs?: number | undefined;
}

/** `message`: what failed and why; `fix`: the way out. Both reach the last log line and the service's status. */
export class FetchError extends ServalError {
  override readonly name: string = "ServalError";
  readonly retryAfterMs: number | undefined;
  constructor(message: string, options: FailureOptions) {
    super("DownloadFailed", message, options);
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** The source holds other bytes than those of which a part is here already. Never seen by users unless it goes on. */
export class SourceChanged extends Error {
  override readonly name = "SourceChanged";
}

const networkCodes = new Set([
  ...["ECONNRESET", "ECONNREFUSED", "ECONNABORTED", "EPIPE", "ETIMEDOUT", "EAI_AGAIN", "ENOTFOUND", "EHOSTUNREACH"],
  ...["ENETUNREACH", "ERR_STREAM_PREMATURE_CLOSE", "UND_ERR_SOCKET", "UND_ERR_CONNECT_TIMEOUT", "UND_ERR_ABORTED"],
  ...["UND_ERR_HEADERS_TIMEOUT", "UND_ERR_BODY_TIMEOUT", "UND_ERR_RES_CONTENT_LENGTH_MISMATCH", "UND_ERR_INFO"],
  ...["HPE_INVALID_CHUNK_SIZE", "HPE_INVALID_EOF_STATE", "HPE_CLOSED_CONNECTION", "ENETDOWN"],
]);

const codeOf = (error: unknown): string => {
  const { code, cause } = (error ?? {}) as { code?: unknown; cause?: unknown };
  return typeof code === "string" ? code : cause === undefined ? "" : codeOf(cause);
};

export const isTransient = (error: unknown): boolean =>
  error instanceof ServalError ? error.transient : networkCodes.has(codeOf(error));

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens there (connection refused)",
  ECONNRESET: "the connection was cut",
  UND_ERR_SOCKET: "the connection was cut",
  ENOTFOUND: "the host name is not known",
  EAI_AGAIN: "the name server does not answer",
  UND_ERR_CONNECT_TIMEOUT: "no connection within 10 s",
  UND_ERR_HEADERS_TIMEOUT: "no answer within 30 s",
  UND_ERR_BODY_TIMEOUT: "no byte came for 30 s",
};

/** A transport failure in words. Source of the first sentence: KServe kserve_storage error normaliser. */
export function connectionFailure(provider: string, uri: string, error: unknown): ServalError {
  if (error instanceof ServalError) return error;
  const code = codeOf(error);
  const message = error instanceof Error ? error.message : String(error);
  if (/CERT|UNABLE_TO_VERIFY/.test(code))
    return new FetchError(
      `Failed to connect to ${provider} endpoint '${redactUri(uri)}'. its certificate is not accepted: ${message.split(";")[0]}`,
      {
        fix: "Correct the certificate, or add its authority to the CA bundle (caBundleConfigMapName in inferenceservice-config)",
        cause: error,
      },
    );
  return new FetchError(`Failed to connect to ${provider} endpoint '${redactUri(uri)}'. ${reasons[code] ?? message}`, {
    fix: "Check the host, the port and the network (a proxy is read from HTTPS_PROXY, HTTP_PROXY and NO_PROXY)",
    transient: isTransient(error),
    cause: error,
  });
}

/** What broke a body while it was read: the disk, the way, or the bytes themselves. */
export function bodyFailure(source: string, error: unknown): unknown {
  const code = codeOf(error);
  if (["ENOSPC", "EDQUOT", "EACCES", "EPERM", "EROFS", "EIO"].includes(code)) return error;
  if (!code.startsWith("Z_")) return connectionFailure("source", source, error);
  return new FetchError(`Cannot decompress what '${redactUri(source)}' sends as gzip: ${(error as Error).message}`, {
    fix: "Correct the file's Content-Encoding at the source",
    // Z_BUF_ERROR: the stream ended too early, as a cut connection without a length does.
    transient: code === "Z_BUF_ERROR",
    cause: error,
  });
}

/** Failures of this machine's disk in words; everything else as it is. */
export function diskFailure(error: unknown, path: string): unknown {
  const { code } = (error ?? {}) as { code?: string };
  if (code === "ENOSPC" || code === "EDQUOT") {
    return new FetchError(`Cannot write "${path}": the disk is full`, {
      fix: "Free space there, raise the volume's size limit, or use a smaller model",
      cause: error,
    });
  }
  if (code === "ENOTDIR" || code === "EEXIST") {
    return new FetchError(`Cannot write "${path}": a file is where a folder should be`, {
      fix: "Name another destination, or move that file away",
      cause: error,
    });
  }
  if (code === "EACCES" || code === "EPERM" || code === "EROFS") {
    return new FetchError(
      `Cannot write "${path}": ${code === "EROFS" ? "the file system is read-only" : "permission denied"}`,
      {
        fix: `Make the folder writable for user ${process.getuid?.() ?? "of this process"}, or set serving.kserve.io/storage-initializer-uid`,
        cause: error,
      },
    );
  }
  return error;
}
