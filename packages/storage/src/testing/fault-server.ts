// SPDX-License-Identifier: Apache-2.0
// A web server that misbehaves on request, for tests of downloads: it truncates, refuses, changes, redirects, is slow.
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";

export interface ServedFile {
  readonly body: Uint8Array;
  readonly etag?: string | undefined;
  readonly lastModified?: string;
  readonly contentType?: string;
  readonly hasRanges?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
  /** The body goes on from the start again up to this many bytes: sizes that no test keeps in memory. */
  readonly repeatToBytes?: number;
}

export interface Fault {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Cuts the connection after so many bytes of the body. */
  readonly cutAfter?: number;
  /** The body waits for this before its last byte. */
  readonly gate?: Promise<unknown>;
}

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  /** How many came before to this path. */
  readonly nth: number;
}

export interface FaultServer {
  readonly url: string;
  readonly files: Map<string, ServedFile>;
  readonly seen: SeenRequest[];
  /** Asked for each request; undefined: serve as it should be. */
  fault: (request: SeenRequest) => Fault | undefined;
  /** Answers before the files do; true: it has answered. */
  handle: (request: IncomingMessage, response: ServerResponse) => boolean;
  close(): Promise<void>;
}

const sizeOf = ({ body, repeatToBytes }: ServedFile): number => repeatToBytes ?? body.byteLength;

/** Reproducible noise, so that a shifted or repeated part is noticed. */
export function noise(sizeBytes: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(sizeBytes);
  let state = seed >>> 0 || 1;
  for (let i = 0; i < sizeBytes; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[i] = state & 0xff;
  }
  return bytes;
}

interface Span {
  readonly status: number;
  readonly start: number;
  readonly end: number;
}

/** What a request's Range and If-Range ask for (RFC 9110 section 14.2). */
function spanOf(file: ServedFile, headers: IncomingMessage["headers"]): Span {
  const size = sizeOf(file);
  const match = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? "");
  const condition = headers["if-range"];
  const holds = condition === undefined || condition === file.etag || condition === file.lastModified;
  if (match === null || file.hasRanges === false || !holds) return { status: 200, start: 0, end: size };
  const start = Number(match[1]);
  if (start >= size) return { status: 416, start: 0, end: 0 };
  return { status: 206, start, end: Math.min(size, match[2] === "" ? size : Number(match[2]) + 1) };
}

/** Also when the client has gone. */
const drained = (response: ServerResponse): Promise<void> =>
  new Promise((resolve) => {
    const end = (): void => {
      response.off("drain", end).off("close", end);
      resolve();
    };
    response.once("drain", end).once("close", end);
  });

async function sendBody(
  file: ServedFile,
  { start, end }: Span,
  { response, fault }: { response: ServerResponse; fault: Fault },
) {
  const stopAt = fault.cutAfter === undefined ? end : Math.min(end, start + fault.cutAfter);
  for (let at = start; at < stopAt; ) {
    const isLast = fault.gate !== undefined && at === end - 1;
    if (isLast) await fault.gate;
    const offset = at % file.body.byteLength;
    const limit = fault.gate !== undefined && at < end - 1 ? end - 1 : stopAt;
    const piece = file.body.subarray(offset, Math.min(file.body.byteLength, offset + limit - at));
    at += piece.byteLength;
    if (!response.write(piece)) await drained(response);
    if (response.destroyed) return;
  }
  if (stopAt < end) response.destroy();
  else response.end();
}

function answer(
  file: ServedFile,
  fault: Fault,
  { request, response }: { request: IncomingMessage; response: ServerResponse },
): void {
  const span = spanOf(file, request.headers);
  const size = sizeOf(file);
  const range =
    span.status === 206
      ? { "content-range": `bytes ${span.start}-${span.end - 1}/${size}` }
      : span.status === 416
        ? { "content-range": `bytes */${size}` }
        : {};
  response.writeHead(span.status, {
    "content-type": file.contentType ?? "application/octet-stream",
    "content-length": span.end - span.start,
    ...(file.etag === undefined ? {} : { etag: file.etag }),
    ...(file.lastModified === undefined ? {} : { "last-modified": file.lastModified }),
    ...range,
    ...file.headers,
    ...fault.headers,
  });
  void sendBody(file, span, { response, fault }).catch(() => response.destroy());
}

export async function startFaultServer(): Promise<FaultServer> {
  const counts = new Map<string, number>();
  const server = createServer((request, response) => {
    const path = request.url ?? "/";
    const nth = counts.get(path) ?? 0;
    counts.set(path, nth + 1);
    const seen: SeenRequest = { method: request.method ?? "", path, headers: request.headers, nth };
    self.seen.push(seen);
    if (self.handle(request, response)) return;
    const fault = self.fault(seen) ?? {};
    const file = self.files.get(path.split("?")[0] as string);
    if (fault.status !== undefined || file === undefined) {
      response.writeHead(fault.status ?? 404, { "content-length": 0, ...fault.headers }).end();
      return;
    }
    answer(file, fault, { request, response });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const self: FaultServer = {
    url: `http://127.0.0.1:${port}`,
    files: new Map(),
    seen: [],
    fault: () => undefined,
    handle: () => false,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return self;
}
