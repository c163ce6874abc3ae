// SPDX-License-Identifier: Apache-2.0
// Passes one request on and its answer back: streaming both ways, one deadline, another endpoint only while nothing of
// an answer has been seen. Works on node:http streams and undici's dispatch directly: this is the hot path.
import type { IncomingMessage, ServerResponse } from "node:http";
import { constants, type ServerHttp2Stream } from "node:http2";
import type { Dispatcher } from "undici";
import { chooseEndpoint, type Endpoint, type LoadCounter } from "./endpoints.ts";
import type { Pools } from "./pools.ts";
import { type ForwardedFrom, type HeaderMap, requestHeaders, responseHeaders } from "./proxy-headers.ts";
import { type Refusal, refusals } from "./refusals.ts";
import { type BodyLimits, BodyStalled, BodyTooLarge, kindOfBody, passThrough, readWhole } from "./request-body.ts";
import type { HeaderChange } from "./route-table.ts";

const maxAttempts = 3;

export interface ProxyTask {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Path and query as the endpoint shall see them. */
  readonly path: string;
  readonly service: string;
  readonly endpoints: () => readonly Endpoint[];
  readonly timeoutMs: number | undefined;
  readonly body: BodyLimits;
  readonly headerChange: HeaderChange | undefined;
  readonly from: ForwardedFrom;
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

interface Attempt {
  readonly endpoint: Endpoint;
  readonly body: Buffer | null | AsyncIterable<Buffer>;
  readonly headers: HeaderMap;
  readonly signal: AbortSignal;
}

/** Resolves with the status when the answer was passed on whole; rejects when it ended early. */
function sendOnce(task: ProxyTask, deps: ProxyDeps, attempt: Attempt, onFirstByte: () => void): Promise<number> {
  const { response } = task;
  return new Promise((resolve, reject) => {
    let status = 0;
    let controller: Dispatcher.DispatchController | undefined;
    const abort = (): void => {
      const { reason } = attempt.signal;
      controller?.abort(reason instanceof Error ? reason : new Error("aborted"));
      // Still waiting for a connection: nothing to abort, and nobody to wait for.
      if (controller === undefined) finish(() => reject(reason));
    };
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
        if (attempt.signal.aborted) given.abort(new Error("aborted"));
      },
      onResponseStart(_given, statusCode, headers) {
        if (statusCode < 200) return;
        status = statusCode;
        // Throws for what HTTP/2 cannot carry: then nothing was sent yet, and the gateway answers itself.
        response.writeHead(statusCode, responseHeaders(headers));
        onFirstByte();
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

type Failure = Error & { readonly code?: string; readonly syscall?: string };

const text = (error: unknown): string => (error as Failure).code ?? (error as Failure).message;

/** Nothing of the request has left: any request may go elsewhere. */
const isConnectFailure = ({ code, syscall }: Failure): boolean =>
  syscall === "connect" ||
  code === "UND_ERR_CONNECT_TIMEOUT" ||
  code === "UND_ERR_CLOSED" ||
  code === "UND_ERR_DESTROYED";

const safeMethods = new Set(["GET", "HEAD", "OPTIONS"]);

/**
 * A request that may have reached a model is not sent twice (RFC 9110 section 9.2.2): one that kills its server would
 * kill the next one too. Exceptions: methods that change nothing, and an endpoint that is being taken away, whose server
 * closes idle connections while it drains.
 */
const mayGoElsewhere = (error: unknown, task: ProxyTask, endpoint: Endpoint): boolean =>
  isConnectFailure(error as Failure) ||
  safeMethods.has(task.request.method ?? "") ||
  !task.endpoints().some(({ origin }) => origin === endpoint.origin);

/** Tells a client that waits for it (`Expect: 100-continue`) to send its body. */
function invite({ request, response }: ProxyTask): void {
  if (request.headers.expect?.toLowerCase() === "100-continue") response.writeContinue();
}

/** Undefined: it has to stream, and cannot be repeated. */
async function repeatableBody(task: ProxyTask, signal: AbortSignal): Promise<Buffer | null | undefined> {
  const kind = kindOfBody(task.request, task.body);
  if (kind === "none") return null;
  invite(task);
  return kind === "small" ? await readWhole(task.request, task.body, signal) : undefined;
}

interface Progress {
  origin: string | undefined;
  attempts: number;
  started: boolean;
}

async function attemptUntilAnswered(
  task: ProxyTask,
  deps: ProxyDeps,
  progress: Progress,
  signal: AbortSignal,
): Promise<ProxyResult> {
  const small = await repeatableBody(task, signal);
  const headers = requestHeaders(task.request.headers, task.from, task.headerChange);
  const tried = new Set<string>();
  for (;;) {
    const endpoint = chooseEndpoint(task.endpoints(), { load: deps.load, roll: deps.random(), tried });
    if (endpoint === undefined) return { status: 503, ...progress, refusal: refusals.noEndpoint(task.service) };
    progress.origin = endpoint.origin;
    progress.attempts += 1;
    tried.add(endpoint.origin);
    deps.load.begin(endpoint.origin);
    try {
      const body = small === undefined ? passThrough(task.request, task.body) : small;
      const status = await sendOnce(task, deps, { endpoint, body, headers, signal }, () => {
        progress.started = true;
      });
      return { status, origin: endpoint.origin, attempts: progress.attempts };
    } catch (error) {
      const isOver = progress.started || signal.aborted || progress.attempts >= maxAttempts;
      if (isOver || small === undefined || !mayGoElsewhere(error, task, endpoint)) throw error;
    } finally {
      deps.load.end(endpoint.origin);
    }
  }
}

/** One request from first byte to last. Never throws. */
export async function proxyRequest(task: ProxyTask, deps: ProxyDeps): Promise<ProxyResult> {
  const abort = new AbortController();
  const { timeoutMs } = task;
  const timer =
    timeoutMs === undefined ? undefined : setTimeout(() => abort.abort(refusals.timeout(timeoutMs)), timeoutMs);
  const onClose = (): void => abort.abort(clientGone);
  task.response.once("close", onClose);
  const progress: Progress = { origin: undefined, attempts: 0, started: false };
  try {
    return await attemptUntilAnswered(task, deps, progress, abort.signal);
  } catch (error) {
    return failure(error, task, progress, abort.signal.reason);
  } finally {
    clearTimeout(timer);
    task.response.removeListener("close", onClose);
  }
}

const clientGone = new Error("client closed the connection");

/** On HTTP/2 destroying alone would end the stream as if it were whole. */
function breakOff(response: ServerResponse): void {
  const { stream } = response as unknown as { stream?: ServerHttp2Stream };
  if (stream === undefined) response.destroy();
  else stream.close(constants.NGHTTP2_INTERNAL_ERROR);
}

function failure(error: unknown, task: ProxyTask, progress: Progress, reason: unknown): ProxyResult {
  const { origin, attempts, started } = progress;
  const isTimeout = (reason as Refusal | undefined)?.code === refusals.timeout(0).code;
  if (started) {
    // Half an answer is out: the only honest end is a broken connection.
    breakOff(task.response);
    return { status: isTimeout ? 504 : reason === clientGone ? 499 : 502, origin, attempts };
  }
  if (error instanceof BodyTooLarge)
    return { status: 413, origin, attempts, refusal: refusals.tooLarge(task.body.maxBytes) };
  if (error instanceof BodyStalled)
    return { status: 408, origin, attempts, refusal: refusals.bodyStalled(task.body.idleMs) };
  if (isTimeout) return { status: 504, origin, attempts, refusal: reason as Refusal };
  // The client is gone; nobody reads an answer. nginx' 499 says so in logs.
  if (reason === clientGone || task.request.errored !== null) return { status: 499, origin, attempts };
  return { status: 502, origin, attempts, refusal: refusals.unreachable(text(error)) };
}
