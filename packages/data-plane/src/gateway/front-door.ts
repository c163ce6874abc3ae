// SPDX-License-Identifier: Apache-2.0
// One port for HTTP/1.1 and cleartext HTTP/2 with prior knowledge: looks at the first bytes, hands the connection over,
// and ends in order.
import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createHttp2Server, type Http2Server, type ServerHttp2Session } from "node:http2";
import { createServer as createNetServer, type Server as NetServer, type Socket } from "node:net";
import { refusalBody, refusals } from "./refusals.ts";

export interface DoorOptions {
  readonly port: number;
  readonly host?: string;
  /** A connection that has not sent a whole head by then is closed. */
  readonly headMs?: number;
  /** A connection without requests is closed after this long. */
  readonly idleMs?: number;
}

export interface FrontDoor {
  readonly port: number;
  /** Still accepts, and asks every client to come back on another connection: to a gateway that stays. */
  sendAway(): void;
  /** Stops accepting, lets requests in flight finish for `drainMs`, then closes. */
  close(drainMs: number): Promise<void>;
}

const preface = Buffer.from("PRI * HTTP/2.0", "latin1");
const maxHeadBytes = 64 * 1024;
const maxStreams = 1_000;
const defaultHeadMs = 60_000;
const defaultIdleMs = 75_000;

type Times = Pick<DoorOptions, "headMs" | "idleMs">;

function createHttp1(listener: RequestListener, { headMs, idleMs }: Required<Times>): Server {
  const server = createServer(
    {
      keepAliveTimeout: idleMs,
      // Bodies have their own watch (request-body.ts): a large model input may take its time.
      requestTimeout: 0,
      headersTimeout: headMs,
      connectionsCheckingInterval: Math.min(headMs, 5_000),
      maxHeaderSize: maxHeadBytes,
      // RFC 9110 section 7.8: an offer of another protocol (h2c, by Java's client on every request) may be ignored.
      ...({
        shouldUpgradeCallback: ({ headers }: { headers: { upgrade?: string } }) =>
          headers.upgrade?.toLowerCase() === "websocket",
      } as object),
    },
    listener,
  );
  server.on("checkContinue", listener);
  server.on("upgrade", (_request, socket: Socket) => {
    const body = refusalBody(refusals.upgrade());
    socket.end(
      `HTTP/1.1 501 Not Implemented\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
    );
  });
  // It never listens itself; this starts its watch over slow heads and the list that closing needs.
  server.emit("listening");
  return server;
}

function createHttp2(listener: RequestListener): Http2Server {
  const server = createHttp2Server({ settings: { initialWindowSize: 1 << 20, maxConcurrentStreams: maxStreams } });
  // The compatibility API of node:http2 has the shapes of node:http.
  const compatible = listener as unknown as (request: unknown, response: unknown) => void;
  server.on("request", compatible);
  server.on("checkContinue", compatible);
  server.on("sessionError", () => {});
  return server;
}

/** A client that is gone without a word would keep its session for ever. */
function closeWhenIdle(session: ServerHttp2Session, idleMs: number): void {
  let open = 0;
  session.on("stream", (stream) => {
    open += 1;
    stream.once("close", () => {
      open -= 1;
    });
  });
  session.setTimeout(idleMs, () => {
    if (open === 0) session.destroy();
  });
}

type Version = "http1" | "http2" | "undecided";

function versionOf(start: Buffer): Version {
  const common = Math.min(start.length, preface.length);
  if (!start.subarray(0, common).equals(preface.subarray(0, common))) return "http1";
  // No HTTP/1 method begins with "PRI".
  return common >= 3 ? "http2" : "undecided";
}

/** Calls `decided` with the connection unread. */
function whenDecided(socket: Socket, headMs: number, decided: (version: "http1" | "http2") => void): void {
  let start: Buffer = Buffer.alloc(0);
  const timer = setTimeout(() => socket.destroy(), headMs);
  socket.once("close", () => clearTimeout(timer));
  const onReadable = (): void => {
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) return;
    start = start.length === 0 ? chunk : Buffer.concat([start, chunk]);
    const version = versionOf(start);
    if (version === "undecided") return;
    clearTimeout(timer);
    socket.removeListener("readable", onReadable);
    socket.unshift(start);
    decided(version);
  };
  socket.on("readable", onReadable);
  // A client that ends without a word: as there is no reader, nobody else would close.
  socket.once("end", () => {
    if (start.length === 0) socket.destroy();
  });
}

export async function openFrontDoor(options: DoorOptions, listener: RequestListener): Promise<FrontDoor> {
  const { headMs = defaultHeadMs, idleMs = defaultIdleMs } = options;
  const sockets = new Set<Socket>();
  /** Nothing decided yet: nobody would miss them. */
  const waiting = new Set<Socket>();
  const sessions = new Set<ServerHttp2Session>();
  let leaving = false;
  let draining = false;
  const http1 = createHttp1(
    (request, response) => {
      if (leaving) response.shouldKeepAlive = false;
      // Its head may have been out before draining began.
      response.once("close", () => {
        if (draining) setImmediate(() => http1.closeIdleConnections());
      });
      return listener(request, response);
    },
    { headMs, idleMs },
  );
  const http2 = createHttp2(listener);
  http2.on("session", (session) => {
    sessions.add(session);
    closeWhenIdle(session, idleMs);
    session.once("close", () => sessions.delete(session));
  });
  const net = createNetServer({ noDelay: true }, (socket) => {
    socket.on("error", () => socket.destroy());
    sockets.add(socket);
    waiting.add(socket);
    socket.once("close", () => {
      sockets.delete(socket);
      waiting.delete(socket);
    });
    whenDecided(socket, headMs, (version) => {
      waiting.delete(socket);
      (version === "http2" ? http2 : http1).emit("connection", socket);
    });
  });
  const port = await listen(net, options);
  const sendAway = (): void => {
    leaving = true;
    // Streams that run end as they would have.
    for (const session of sessions) session.close();
  };
  return {
    port,
    sendAway,
    async close(drainMs) {
      draining = true;
      sendAway();
      const closed = new Promise<void>((resolve) => net.close(() => resolve()));
      for (const socket of waiting) socket.destroy();
      http1.closeIdleConnections();
      const timer = setTimeout(() => {
        for (const session of sessions) session.destroy();
        for (const socket of sockets) socket.destroy();
      }, drainMs);
      await closed;
      clearTimeout(timer);
      // Ends its watch over slow heads; it says that it was not listening.
      http1.close(() => {});
    },
  };
}

const listen = (server: NetServer, { port, host = "127.0.0.1" }: DoorOptions): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port, host, backlog: 4_096 }, () => resolve((server.address() as { port: number }).port));
  });
