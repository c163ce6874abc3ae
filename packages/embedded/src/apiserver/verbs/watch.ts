// SPDX-License-Identifier: Apache-2.0
// Watches: the store's history as events of a collection, from any kept revision on, with bookmarks.
// Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
import { type AnyObject, apiVersionOf } from "@serval/api";
import { CompactedError, type StoreEvent } from "../../store/index.ts";
import { isSwitchedOn } from "../query-switch.ts";
import { type ObjectMatch, parseSelectors } from "../selector.ts";
import { badRequest, expired, revisionAhead, statusOf } from "../status.ts";
import { partialMetadata, renderTable } from "../table/render.ts";
import { type Call, shownAs } from "./context.ts";
import { collectionPrefix, revisionNumber } from "./list.ts";

export interface WatchEvent {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR";
  readonly object: unknown;
}

const bookmarkIntervalMs = 60_000;
/** kube-apiserver's --min-request-timeout. */
const defaultTimeoutSeconds = 1800;

/** Waits for changes of the store, for a time to pass, or for the client to go. */
function createWaker(call: Call): { wait(untilMs: number): Promise<void>; stop(): void } {
  const { signal } = call.request;
  let changed = false;
  let wake = (): void => undefined;
  const unsubscribe = call.context.store.subscribe(() => {
    changed = true;
    wake();
  });
  const onAbort = (): void => wake();
  signal?.addEventListener("abort", onAbort);
  return {
    async wait(untilMs) {
      if (!changed && signal?.aborted !== true) {
        const { promise, resolve } = Promise.withResolvers<void>();
        wake = resolve;
        const timer = setTimeout(resolve, Math.max(0, untilMs - call.context.now().getTime()));
        timer.unref();
        await promise;
        clearTimeout(timer);
      }
      changed = false;
    },
    stop() {
      unsubscribe();
      signal?.removeEventListener("abort", onAbort);
    },
  };
}

const withVersion = (object: AnyObject, resourceVersion: string): AnyObject => ({
  ...object,
  metadata: { ...object.metadata, resourceVersion },
});

/** What a store event is for a watcher who sees only matching objects. */
function translate(
  event: StoreEvent,
  matches: ObjectMatch | undefined,
): { type: WatchEvent["type"]; stored: AnyObject } | undefined {
  const { previous, current, deleted } = event;
  const wasSeen = previous !== undefined && (matches === undefined || matches(previous.value));
  const isSeen = !deleted && (matches === undefined || matches(current.value));
  if (isSeen) return { type: wasSeen ? "MODIFIED" : "ADDED", stored: current.value };
  if (!wasSeen) return undefined;
  return { type: "DELETED", stored: deleted ? current.value : withVersion(previous.value, String(event.revision)) };
}

class Renderer {
  readonly #call: Call;
  #headers = true;
  constructor(call: Call) {
    this.#call = call;
  }
  object(stored: AnyObject): unknown {
    const { rendering, resource, context } = this.#call;
    if (rendering.as === "metadata") return partialMetadata(shownAs(resource, stored));
    if (rendering.as === "object") return shownAs(resource, stored);
    const headers = this.#headers;
    this.#headers = false;
    const metadata = { resourceVersion: stored.metadata.resourceVersion };
    return renderTable([stored], {
      columns: resource.columns,
      include: rendering.include,
      now: context.now(),
      metadata,
      headers,
    });
  }
  bookmark(revision: number, endsInitial: boolean): WatchEvent {
    const { type, columns } = this.#call.resource;
    const metadata = {
      resourceVersion: String(revision),
      creationTimestamp: null,
      ...(endsInitial ? { annotations: { "k8s.io/initial-events-end": "true" } } : {}),
    };
    if (this.#call.rendering.as === "table") {
      const { now } = this.#call.context;
      return {
        type: "BOOKMARK",
        object: renderTable([], { columns, include: "None", now: now(), metadata, headers: false }),
      };
    }
    return { type: "BOOKMARK", object: { kind: type.kind, apiVersion: apiVersionOf(type), metadata } };
  }
}

interface Start {
  readonly since: number;
  /** Objects to announce first. */
  readonly initial: readonly AnyObject[];
  readonly announceEnd: boolean;
}

/** @throws ApiError 410 when the asked version is forgotten, 504 when it is in the future, 400. */
function startOf(call: Call, matches: ObjectMatch | undefined): Start {
  const { store } = call.context;
  const { resourceVersion = "", sendInitialEvents } = call.query;
  const current = store.currentRevision();
  const asked = resourceVersion === "" ? 0 : revisionNumber(resourceVersion);
  if (asked > current) throw revisionAhead(asked, current);
  if (sendInitialEvents !== undefined && call.query["resourceVersionMatch"] !== "NotOlderThan") {
    throw badRequest("sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
  }
  if (asked === 0 || isSwitchedOn(sendInitialEvents)) {
    if (sendInitialEvents === "false") return { since: current, initial: [], announceEnd: false };
    const entries = store.list(collectionPrefix(call)).map(({ value }) => value);
    const initial = matches === undefined ? entries : entries.filter(matches);
    return { since: current, initial, announceEnd: isSwitchedOn(sendInitialEvents) };
  }
  if (asked < store.compactedRevision())
    throw expired(`too old resource version: ${asked} (${store.compactedRevision()})`);
  return { since: asked, initial: [], announceEnd: false };
}

/** @throws ApiError before the first event only; later trouble is an ERROR event. */
export function watchObjects(call: Call): AsyncIterable<WatchEvent> {
  const matches = parseSelectors(call.query, call.resource.fields);
  const start = startOf(call, matches);
  const { timeoutSeconds } = call.query;
  const timeout =
    timeoutSeconds === undefined || timeoutSeconds === "0" ? defaultTimeoutSeconds : Number(timeoutSeconds);
  if (!(timeout > 0))
    throw badRequest(`timeoutSeconds must be a positive number, not ${JSON.stringify(timeoutSeconds)}`);
  return follow(call, { matches, start, endMs: call.context.now().getTime() + timeout * 1000 });
}

async function* follow(
  call: Call,
  { matches, start, endMs }: { matches: ObjectMatch | undefined; start: Start; endMs: number },
): AsyncGenerator<WatchEvent> {
  const { store, now } = call.context;
  const prefix = collectionPrefix(call);
  const render = new Renderer(call);
  const wantsBookmarks = isSwitchedOn(call.query["allowWatchBookmarks"]);
  const waker = createWaker(call);
  let { since } = start;
  let bookmarkMs = now().getTime() + bookmarkIntervalMs;
  try {
    for (const stored of start.initial) yield { type: "ADDED", object: render.object(stored) };
    if (start.announceEnd) yield render.bookmark(since, true);
    while (call.request.signal?.aborted !== true) {
      const events = store.changes(prefix, since);
      since = store.currentRevision();
      for (const event of events) {
        const seen = translate(event, matches);
        if (seen !== undefined) yield { type: seen.type, object: render.object(seen.stored) };
      }
      const time = now().getTime();
      if (wantsBookmarks && time >= Math.min(bookmarkMs, endMs)) {
        yield render.bookmark(since, false);
        bookmarkMs = time + bookmarkIntervalMs;
      }
      if (time >= endMs) return;
      await waker.wait(Math.min(wantsBookmarks ? bookmarkMs : endMs, endMs));
    }
  } catch (error) {
    // The client was slower than the history is long.
    if (!(error instanceof CompactedError)) throw error;
    yield { type: "ERROR", object: statusOf(expired(error.message)) };
  } finally {
    waker.stop();
  }
}
