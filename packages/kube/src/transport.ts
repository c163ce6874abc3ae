// SPDX-License-Identifier: Apache-2.0
// The seam between the two homes: one request to a Kubernetes API, answered by a remote kube-apiserver over HTTPS or
// by the embedded API server in process. `createCluster` builds the typed `Cluster` on any transport.

/** Who is asking, after authentication. */
export interface UserInfo {
  readonly username: string;
  readonly groups: readonly string[];
  readonly uid?: string;
  /** What authentication added: scopes of a token, for one. */
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

/** `body` is a JSON value (never bytes); a patch carries its media type in `contentType`. */
export interface ApiRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Absolute, percent-encoded, without query: `/apis/apps/v1/namespaces/default/deployments`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Of the body. Default `application/json`. */
  readonly contentType?: string;
  /** `Accept`: selects Table rendering in the embedded server. Default `application/json`. */
  readonly accept?: string;
  readonly body?: unknown;
  readonly signal?: AbortSignal;
  /** Set by the embedded server's HTTP front after authentication; the in-process default is `system:masters`. */
  readonly user?: UserInfo;
  /** `User-Agent`; its part before "/" is the default field manager. */
  readonly userAgent?: string;
}

/**
 * Exactly one of `body` (a JSON value), `events` (a watch: one JSON value per event, ends when the server ends it)
 * and `bytes` (logs and other text) is set. Errors are answers too: a `Status` body with its code.
 */
export interface ApiResponse {
  readonly status: number;
  readonly body?: unknown;
  readonly events?: AsyncIterable<unknown>;
  readonly bytes?: AsyncIterable<Uint8Array>;
  /** Of `bytes`; default text/plain. */
  readonly contentType?: string;
  /** `Warning` header texts, for kubectl's yellow lines. */
  readonly warnings?: readonly string[];
}

export interface Transport {
  /** @throws TypeError-like network errors only; an HTTP error status is returned, not thrown. */
  send(request: ApiRequest): Promise<ApiResponse>;
  close(): Promise<void>;
}
