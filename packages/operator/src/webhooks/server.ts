// SPDX-License-Identifier: Apache-2.0
// The HTTPS server that API servers ask: reviews on KServe's paths, conversions, health. Whatever is sent, it answers.
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { AdmissionPlugin } from "@serval/kube";
import type { Logger } from "@serval/observe";
import { conversionAnswer } from "./convert.ts";
import { webhookEntries } from "./registrations.ts";
import { admit, parseReview, ReviewError, reviewAnswer } from "./review.ts";

export interface ServingPair {
  /** PEM texts. */
  readonly cert: string;
  readonly key: string;
}

export interface WebhookServerOptions {
  readonly plugins: readonly AdmissionPlugin[];
  readonly certificate: ServingPair;
  /** undefined: ready; else why not. */
  readonly notReady: () => string | undefined;
  readonly log: Logger;
  /** Default: every address, as API servers call from outside. */
  readonly host?: string;
  readonly port: number;
}

export interface WebhookServer {
  readonly port: number;
  /** New connections get the new certificate, open ones go on. */
  setCertificate(certificate: ServingPair): void;
  /** Still answers, and asks callers to come back on another connection: to an operator that stays. */
  sendAway(): void;
  /** Reviews in flight are answered first. */
  close(): Promise<void>;
}

/** An object of etcd's limit (1.5 MiB) twice, old and new, escaped. */
const maxBodyBytes = 8 * 1024 * 1024;
const requestTimeoutMs = 15_000;
/** API servers reuse a connection that was idle for up to 90 s: they must be the ones that close it. */
const keepAliveMs = 120_000;

class HttpError extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const type = request.headers["content-type"] ?? "";
  if (!type.startsWith("application/json")) throw new HttpError(415, `content-type "${type}" is not application/json`);
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBodyBytes) throw new HttpError(413, `the body is larger than ${maxBodyBytes} bytes`);
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch (error) {
    throw new HttpError(400, `the body is not JSON: ${(error as Error).message}`);
  }
}

const phases = new Map(webhookEntries.map(({ path, phase }) => [path, phase]));

async function answerOf(path: string, request: IncomingMessage, plugins: readonly AdmissionPlugin[]): Promise<unknown> {
  const phase = phases.get(path);
  if (phase === undefined && path !== "/convert") throw new HttpError(404, `no webhook at ${path}`);
  if (request.method !== "POST") throw new HttpError(405, "webhooks are asked with POST");
  const body = await bodyOf(request);
  if (phase === undefined) return conversionAnswer(body);
  const review = parseReview(body);
  return reviewAnswer(review, review.request === undefined ? {} : await admit(plugins, phase, review.request));
}

function statusOf(error: unknown): number {
  if (error instanceof HttpError) return error.status;
  return error instanceof ReviewError ? 400 : 500;
}

function send(response: ServerResponse, status: number, body: unknown): void {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const type = typeof body === "string" ? "text/plain; charset=utf-8" : "application/json";
  response.writeHead(status, { "content-type": type, "content-length": Buffer.byteLength(text) }).end(text);
}

async function handle(request: IncomingMessage, response: ServerResponse, options: WebhookServerOptions) {
  const path = (request.url ?? "/").split("?")[0] ?? "/";
  if (path === "/healthz") return send(response, 200, "ok");
  if (path === "/readyz") {
    const why = options.notReady();
    return send(response, why === undefined ? 200 : 503, why ?? "ok");
  }
  try {
    send(response, 200, await answerOf(path, request, options.plugins));
  } catch (error) {
    const status = statusOf(error);
    if (status === 500) options.log.error({ error, path }, "Cannot answer a review");
    // A body that was not read to its end leaves the connection of no use.
    response.setHeader("connection", "close");
    send(response, status, (error as Error).message);
  }
}

/** @throws the listen error (`EADDRINUSE`) as it is, and OpenSSL's for a certificate that is none. */
export function startWebhookServer(options: WebhookServerOptions): Promise<WebhookServer> {
  const secure = (pair: ServingPair) => ({ cert: pair.cert, key: pair.key, minVersion: "TLSv1.2" as const });
  let isLeaving = false;
  const server = createServer(
    {
      ...secure(options.certificate),
      requestTimeout: requestTimeoutMs,
      headersTimeout: requestTimeoutMs,
      keepAliveTimeout: keepAliveMs,
    },
    (request, response) => {
      // A connection that is idle when the server closes may just be carrying the next review.
      if (isLeaving) response.shouldKeepAlive = false;
      handle(request, response, options).catch((error: unknown) => {
        options.log.warn({ error }, "A caller went away before its answer");
        response.destroy();
      });
    },
  );
  // A handshake that fails is the caller's affair: a port scan, or an authority that it does not know.
  server.on("tlsClientError", (error, socket) => {
    options.log.debug({ error }, "A TLS handshake failed");
    socket.destroy();
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.host, () => {
      resolve({
        port: (server.address() as AddressInfo).port,
        setCertificate: (pair) => server.setSecureContext(secure(pair)),
        sendAway: () => {
          isLeaving = true;
        },
        close: () =>
          new Promise((done) => {
            server.close(() => done());
            server.closeIdleConnections();
          }),
      });
    });
  });
}
