// SPDX-License-Identifier: Apache-2.0
// One request and its response on plain node:http objects: reading a body within the limit, answering JSON and errors.
// No Request/Response objects here: they cost more than a whole prediction of a small model.
import type { IncomingMessage, ServerResponse } from "node:http";
import { errorBody, RequestError } from "@serval/protocol";
import type { Repository } from "../repository.ts";

export interface ServerDeps {
  readonly repository: Repository;
  readonly uuid: () => string;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
  /** Unix time in milliseconds. */
  readonly wallClock: () => number;
  readonly log: (level: "info" | "warn" | "error", message: string, fields?: Readonly<Record<string, unknown>>) => void;
  readonly maxRequestBytes: number;
  readonly openaiPrefix: string;
}

export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** The path parameters of the route, decoded. */
  readonly params: readonly string[];
  readonly body: Buffer;
  readonly deps: ServerDeps;
}

export type Handler = (exchange: Exchange) => void | Promise<void>;

const EMPTY = Buffer.alloc(0);

export function sendJson(response: ServerResponse, status: number, body: string): void {
  const length = Buffer.byteLength(body);
  response.writeHead(status, ["content-type", "application/json", "content-length", String(length)]);
  // An ASCII body goes out with its head in one write without a conversion; it is the common case by far.
  if (length === body.length) response.end(body, "latin1");
  else response.end(body);
}

/** Client mistakes in full, bugs only as a number to look up: their text may hold paths or data. */
export function sendError(response: ServerResponse, error: unknown, deps: ServerDeps): number {
  const known = error instanceof RequestError;
  const id = known ? "" : deps.uuid();
  if (!known)
    deps.log("error", "a request failed inside the server", {
      id,
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    });
  const status = known ? error.status : 500;
  if (response.headersSent) {
    response.destroy();
    return status;
  }
  const text = known
    ? errorBody(error)
    : JSON.stringify({ error: `The model server failed to answer; its log has the cause under id ${id}` });
  if (status === 503) response.setHeader("retry-after", "1");
  sendJson(response, status, text);
  return status;
}

/** Calls back once with the whole body, or with a RequestError; a client that goes away calls nothing. */
export function readBody(
  request: IncomingMessage,
  limit: number,
  done: (error: RequestError | undefined, body: Buffer) => void,
): void {
  const declared = Number(request.headers["content-length"] ?? 0);
  if (declared > limit) {
    done(tooLarge(limit), EMPTY);
    request.resume();
    return;
  }
  let first: Buffer | undefined;
  let rest: Buffer[] | undefined;
  let size = 0;
  request.on("data", (chunk: Buffer) => {
    size += chunk.byteLength;
    if (size > limit) {
      request.removeAllListeners("data").removeAllListeners("end").resume();
      done(tooLarge(limit), EMPTY);
    } else if (first === undefined) first = chunk;
    else if (rest === undefined) rest = [first, chunk];
    else rest.push(chunk);
  });
  request.on("end", () => done(undefined, rest === undefined ? (first ?? EMPTY) : Buffer.concat(rest, size)));
}

const tooLarge = (limit: number): RequestError =>
  new RequestError(
    413,
    `The request body is larger than ${limit} bytes; send smaller batches or start the server with a larger --max_request_bytes`,
  );
