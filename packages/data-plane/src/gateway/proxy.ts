// SPDX-License-Identifier: Apache-2.0
// Passes one request on and its answer back: streaming both ways, one deadline, another endpoint only while nothing of
// an answer has been seen. Works on node:http streams and undici's dispatch directly: this is the hot path.
import type { IncomingMessage, ServerResponse } from "node:http";
import { type Dispatcher, Pool } from "undici";
import { chooseEndpoint, type Endpoint, type LoadCounter } from "./endpoints.ts";
import { type Refusal, refusals } from "./refusals.ts";
import type { HeaderChange } from "./route-table.ts";

/** Bodies up to this size are read first: they can be sent again to another endpoint. Larger ones stream. */
const bufferedBodyBytes = 256 * 1024;
const connectTimeoutMs = 2_000;
const maxAttempts = 3;

export interface Pools {
  of(endpoint: Endpoint): Pool;
  /** Ends the pools of endpoints that are no longer known; requests in flight finish. */
  keepOnly(origins: ReadonlySet<string>): void;
  close(): Promise<void>;
}

export function createPools(): Pools {
  const pools = new Map<string, Pool>();
  return {
    of(endpoint) {
      let pool = pools.get(endpoint.origin);
      if (pool === undefined) {
        // Shorter than any server's own keep-alive: an idle connection is ours to close, so it is never closed under us.
        pool = new Pool(endpoint.origin, {
          connections: 512,
          pipelining: 1,
          keepAliveTimeout: 3_000,
          keepAliveMaxTimeout: 30_000,
          connect: { timeout: connectTimeoutMs },
          headersTimeout: 0,
          bodyTimeout: 0,
        });
        pools.set(endpoint.origin, pool);
      }
      return pool;
    },
    keepOnly(origins) {
      for (const [origin, pool] of pools) {
        if (origins.has(origin)) continue;
        pools.delete(origin);
        pool.close().catch(() => {});
      }
    },
    async close() {
      await Promise.all([...pools.values()].map((pool) => pool.destroy()));
    },
  };
}

export interface ProxyTask {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Path and query as the endpoint shall see them. */
  readonly path: string;
  readonly endpoints: () => readonly Endpoint[];
  readonly timeoutMs: number | undefined;
  readonly maxRequestBytes: number;
  readonly headerChange: HeaderChange | undefined;
  readonly forwarded: { readonly for: string; readonly host: string };
}

export interface ProxyDeps {
  readonly pools: Pools;
  readonly load: LoadCounter;
  readonly random: () => number;
}

/** What happened, for the access log. `refusal` is set when the gateway itself has to answer. */
export interface ProxyResult {
  readonly status: number;
  readonly origin: string | undefined;
  readonly attempts: number;
  readonly refusal?: Refusal;
}

/** RFC 9110 section 7.6.1, and what is about this hop alone. */
const hopByHop = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "expect",
  "http2-settings",
]);

function requestHeaders(task: ProxyTask): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {};
  const named = new Set(
    String(task.request.headers.connection ?? "")
      .toLowerCase()
      .split(/\s*,\s*/),
  );
  for (const [name, value] of Object.entries(task.request.headers)) {
    if (value === undefined || name.startsWith(":") || hopByHop.has(name) || named.has(name)) continue;
    headers[name] = value;
  }
  headers["host"] = task.forwarded.host;
  const before = headers["x-forwarded-for"];
  headers["x-forwarded-for"] =
    before === undefined ? task.forwarded.for : `${[before].flat().join(", ")}, ${task.forwarded.for}`;
  headers["x-forwarded-host"] ??= task.forwarded.host;
  headers["x-forwarded-proto"] ??= "http";
  const change = task.headerChange;
  if (change === undefined) return headers;
  for (const name of change.remove) delete headers[name];
  for (const [name, value] of change.set) headers[name] = value;
  for (const [name, value] of change.add) headers[name] = [...[headers[name] ?? []].flat(), value];
  return headers;
}

class BodyTooLarge extends Error {}

/** The whole body when it is small; undefined when it has to stream. @throws BodyTooLarge by its announced length. */
async function readSmallBody({ request, maxRequestBytes }: ProxyTask): Promise<Buffer | undefined | null> {
  const length = request.headers["content-length"];
  if (length === undefined && request.headers["transfer-encoding"] === undefined && request.httpVersionMajor < 2)
    return null;
  if (length !== undefined && Number(length) > maxRequestBytes) throw new BodyTooLarge();
  if (length === "0") return null;
  if (length === undefined || Number(length) > bufferedBodyBytes) return undefined;
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
}

/** The body as it comes, ended with an error when it grows over the limit. */
async function* limitedBody(request: IncomingMessage, limitBytes: number): AsyncGenerator<Buffer> {
  let total = 0;
  for await (const chunk of request) {
    total += (chunk as Buffer).length;
    if (total > limitBytes) throw new BodyTooLarge();
    yield chunk as Buffer;
  }
}

function responseHeaders(
  raw: Record<string, string | string[] | undefined>,
  isHttp2: boolean,
): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(raw)) {
    if (
      value === undefined ||
      (hopByHop.has(name) && (isHttp2 || name !== "transfer-encoding")) ||
      name === "transfer-encoding"
    )
      continue;
    headers[name] = value;
  }
  return headers;
}

interface Attempt {
  readonly endpoint: Endpoint;
  readonly body: Buffer | null | AsyncIterable<Buffer>;
  readonly headers: Record<string, string | string[]>;
  readonly signal: AbortSignal;
}

/** Resolves with the status when the answer was passed on whole; rejects when it ended early. */
function sendOnce(task: ProxyTask, deps: ProxyDeps, attempt: Attempt, onFirstByte: () => void): Promise<number> {
  const { response } = task;
  return new Promise((resolve, reject) => {
    let status = 0;
    let controller: Dispatcher.DispatchController | undefined;
    const abort = (): void =>
      controller?.abort(attempt.signal.reason instanceof Error ? attempt.signal.reason : new Error("aborted"));
    const resume = (): void => controller?.resume();
    const finish = (settle: () => void): void => {
      attempt.signal.removeEventListener("abort", abort);
      response.removeListener("drain", resume);
      settle();
    };
    response.on("drain", resume);
    attempt.signal.addEventListener("abort", abort);
    const handler: Dispatcher.DispatchHandler = {
      onRequestStart(given) {
        controller = given;
        if (attempt.signal.aborted) abort();
      },
      onResponseStart(_given, statusCode, headers) {
        if (statusCode < 200) return;
        onFirstByte();
        status = statusCode;
        response.writeHead(statusCode, responseHeaders(headers, task.request.httpVersionMajor === 2));
        response.flushHeaders();
      },
      onResponseData(given, chunk) {
        if (!response.write(chunk)) given.pause();
      },
      onResponseEnd() {
        response.end();
        finish(() => resolve(status));
      },
      onResponseError: (_given, error) => finish(() => reject(error)),
    };
    const options: Dispatcher.DispatchOptions = {
      path: task.path,
      method: task.request.method as Dispatcher.HttpMethod,
      headers: attempt.headers,
      body: attempt.body as unknown as Buffer,
    };
    try {
      deps.pools.of(attempt.endpoint).dispatch(options, handler);
    } catch (error) {
      finish(() => reject(error));
    }
  });
}

const text = (error: unknown): string => (error as { code?: string }).code ?? (error as Error).message;

/** One request from first byte to last. Never throws. */
export async function proxyRequest(task: ProxyTask, deps: ProxyDeps): Promise<ProxyResult> {
  const abort = new AbortController();
  const timer =
    task.timeoutMs === undefined
      ? undefined
      : setTimeout(() => abort.abort(refusals.timeout(task.timeoutMs as number)), task.timeoutMs);
  const onClose = (): void => {
    if (!task.response.writableFinished) abort.abort(new Error("client closed the connection"));
  };
  task.response.once("close", onClose);
  const tried = new Set<string>();
  let [origin, attempts, started] = [undefined as string | undefined, 0, false];
  try {
    const small = await readSmallBody(task);
    const headers = requestHeaders(task);
    const canRepeat = small !== undefined;
    for (;;) {
      const endpoint = chooseEndpoint(task.endpoints(), { load: deps.load, roll: deps.random(), tried });
      if (endpoint === undefined)
        return { status: 503, origin, attempts, refusal: refusals.noEndpoint(task.forwarded.host) };
      origin = endpoint.origin;
      attempts += 1;
      tried.add(origin);
      deps.load.begin(origin);
      try {
        const body = small === undefined ? limitedBody(task.request, task.maxRequestBytes) : small;
        const status = await sendOnce(task, deps, { endpoint, body, headers, signal: abort.signal }, () => {
          started = true;
        });
        return { status, origin, attempts };
      } catch (error) {
        if (started || abort.signal.aborted || !canRepeat || attempts >= maxAttempts || error instanceof BodyTooLarge)
          throw error;
      } finally {
        deps.load.end(origin);
      }
    }
  } catch (error) {
    return failure(error, { task, started, origin, attempts, reason: abort.signal.reason });
  } finally {
    clearTimeout(timer);
    task.response.removeListener("close", onClose);
  }
}

function failure(
  error: unknown,
  state: { task: ProxyTask; started: boolean; origin: string | undefined; attempts: number; reason: unknown },
): ProxyResult {
  const { task, started, origin, attempts, reason } = state;
  const isTimeout = (reason as Refusal | undefined)?.code === "SV8007";
  if (started) {
    // Half an answer is out: the only honest end is a broken connection.
    task.response.destroy();
    return { status: isTimeout ? 504 : 502, origin, attempts };
  }
  if (error instanceof BodyTooLarge)
    return { status: 413, origin, attempts, refusal: refusals.tooLarge(task.maxRequestBytes) };
  if (isTimeout) return { status: 504, origin, attempts, refusal: reason as Refusal };
  // The client is gone; nobody reads an answer. nginx' 499 says so in logs.
  if (task.response.destroyed || task.request.destroyed) return { status: 499, origin, attempts };
  return { status: 502, origin, attempts, refusal: refusals.unreachable(text(error)) };
}
