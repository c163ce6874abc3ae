// SPDX-License-Identifier: Apache-2.0
// A closed-loop HTTP/1.1 client on raw sockets: the request bytes are made once, so that the client costs little and
// the same for every server. One request in flight per connection.
import { once } from "node:events";
import { connect, type Socket } from "node:net";

export interface Target {
  readonly port: number;
  readonly path: string;
  readonly body: string;
}
export interface Load {
  readonly connections: number;
  readonly requests: number;
}
export interface Outcome {
  readonly seconds: number;
  /** Milliseconds, sorted. */
  readonly latencies: Float64Array;
  readonly lastBody: string;
}

export async function drive(target: Target, { connections, requests }: Load): Promise<Outcome> {
  const request = Buffer.from(
    `POST ${target.path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(target.body)}\r\n\r\n${target.body}`,
  );
  const latencies = new Float64Array(requests);
  let issued = 0;
  let lastBody = "";
  const began = performance.now();
  const loop = async (): Promise<void> => {
    const connection = await open(target.port);
    try {
      while (issued < requests) {
        const slot = issued++;
        const sent = performance.now();
        const body = await exchange(connection, request);
        latencies[slot] = performance.now() - sent;
        if (slot === requests - 1) lastBody = body;
      }
    } finally {
      connection.destroy();
    }
  };
  await Promise.all(Array.from({ length: connections }, loop));
  return { seconds: (performance.now() - began) / 1000, latencies: latencies.sort(), lastBody };
}

async function open(port: number): Promise<Socket> {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  await once(socket, "connect");
  return socket;
}

/** Sends one request and resolves with the body of its response (Content-Length or chunked). */
function exchange(socket: Socket, request: Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    let received = "";
    const finish = (settle: () => void): void => {
      socket.off("data", read).off("error", fail).off("close", fail);
      settle();
    };
    const fail = (): void => finish(() => reject(new Error("the server closed the connection")));
    const read = (chunk: Buffer): void => {
      received += chunk.toString("latin1");
      const head = received.indexOf("\r\n\r\n");
      if (head === -1) return;
      const length = /content-length: (\d+)/i.exec(received)?.[1];
      const complete =
        length === undefined ? received.endsWith("0\r\n\r\n") : received.length >= head + 4 + Number(length);
      if (!complete) return;
      if (received.startsWith("HTTP/1.1 200")) finish(() => resolve(received.slice(head + 4)));
      else finish(() => reject(new Error(`the server answered ${received.slice(0, 400)}`)));
    };
    socket.on("data", read).on("error", fail).on("close", fail);
    socket.write(request);
  });
}
