// SPDX-License-Identifier: Apache-2.0
// A client's request body: small ones are read whole, so that they can be sent again; larger ones pass through as they
// come. Limits on size and on silence. Never destroys the request: its connection has to carry the refusal.
import type { IncomingMessage } from "node:http";

/** Bodies up to this size are read first: they can be sent again to another endpoint. Larger ones stream. */
const bufferedBodyBytes = 256 * 1024;

export class BodyTooLarge extends Error {
  override readonly name = "BodyTooLarge";
}

/** The client sent nothing for too long in the middle of a body. */
export class BodyStalled extends Error {
  override readonly name = "BodyStalled";
}

export interface BodyLimits {
  readonly maxBytes: number;
  /** Longest silence of the client in the middle of a body. */
  readonly idleMs: number;
}

type Http2Stream = { readonly endAfterHeaders: boolean };

/** Whole, still to come, or none at all. */
export type BodyKind = "none" | "small" | "stream";

/** @throws BodyTooLarge by its announced length. */
export function kindOfBody(request: IncomingMessage, { maxBytes }: BodyLimits): BodyKind {
  const text = request.headers["content-length"];
  const stream = (request as unknown as { stream?: Http2Stream }).stream;
  if (
    stream === undefined
      ? text === undefined && request.headers["transfer-encoding"] === undefined
      : stream.endAfterHeaders
  )
    return "none";
  if (text === undefined) return "stream";
  const length = Number(text);
  if (length > maxBytes) throw new BodyTooLarge();
  return length === 0 ? "none" : length <= bufferedBodyBytes ? "small" : "stream";
}

/** The whole of a small body. @throws BodyStalled, the signal's reason, or an error when the client goes away. */
export function readWhole(request: IncomingMessage, { idleMs }: BodyLimits, signal: AbortSignal): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const settle = (result: () => void): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      request.removeListener("data", onData);
      request.removeListener("end", onEnd);
      request.removeListener("close", onClose);
      result();
    };
    const timer = setTimeout(() => settle(() => reject(new BodyStalled())), idleMs);
    const onAbort = (): void => settle(() => reject(signal.reason));
    const onData = (chunk: Buffer): void => {
      chunks.push(chunk);
      timer.refresh();
    };
    const onEnd = (): void =>
      settle(() => resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)));
    const onClose = (): void => settle(() => reject(new Error("client closed the connection")));
    request.on("data", onData).on("end", onEnd).on("close", onClose);
    signal.addEventListener("abort", onAbort);
  });
}

/** The body as it comes. @throws BodyTooLarge, BodyStalled */
export async function* passThrough(request: IncomingMessage, limits: BodyLimits): AsyncGenerator<Buffer> {
  const chunks = request.iterator({ destroyOnReturn: false })[Symbol.asyncIterator]();
  let total = 0;
  try {
    for (;;) {
      const { done, value } = await nextWithin(chunks, limits.idleMs);
      if (done === true) return;
      total += (value as Buffer).length;
      if (total > limits.maxBytes) throw new BodyTooLarge();
      yield value as Buffer;
    }
  } finally {
    // Not awaited: it waits for a chunk that a silent client may never send.
    void chunks.return?.()?.catch(() => {});
  }
}

async function nextWithin<T>(chunks: AsyncIterator<T>, idleMs: number): Promise<IteratorResult<T>> {
  let timer: NodeJS.Timeout | undefined;
  const stalled = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new BodyStalled()), idleMs);
  });
  try {
    return await Promise.race([chunks.next(), stalled]);
  } finally {
    clearTimeout(timer);
  }
}
