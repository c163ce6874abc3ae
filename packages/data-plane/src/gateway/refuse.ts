// SPDX-License-Identifier: Apache-2.0
// Writes the gateway's own answers. A refused request's body is still read for a moment: closing at once would reset the
// connection, and the client would never see why it was refused.
import type { IncomingMessage, ServerResponse } from "node:http";
import { type Refusal, refusalBody, refusals } from "./refusals.ts";

const lingerMs = 2_000;

const isHttp2 = (request: IncomingMessage): boolean => request.httpVersionMajor >= 2;

export function refuse(request: IncomingMessage, response: ServerResponse, refusal: Refusal): void {
  if (response.headersSent || response.destroyed) return;
  const body = refusalBody(refusal);
  // A client that waits for 100 Continue may or may not send its body now: what follows could not be told apart.
  const mustClose = request.headers.expect !== undefined && !isHttp2(request);
  response.writeHead(refusal.status, {
    ...refusal.headers,
    ...(mustClose ? { connection: "close" } : {}),
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
  });
  response.end(body);
  linger(request);
}

/** gRPC clients read trailers, not JSON: UNIMPLEMENTED in their own words. */
export function refuseGrpc(request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(200, {
    "content-type": "application/grpc",
    "grpc-status": "12",
    "grpc-message": refusals.grpc().message,
  });
  response.end();
  linger(request);
}

function linger(request: IncomingMessage): void {
  if (request.complete || request.destroyed) return;
  request.resume();
  const timer = setTimeout(() => (isHttp2(request) ? request.destroy() : request.socket.destroy()), lingerMs);
  timer.unref();
  for (const event of ["end", "close"]) request.once(event, () => clearTimeout(timer));
}
