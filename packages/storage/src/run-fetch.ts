// SPDX-License-Identifier: Apache-2.0
// `serval fetch`: arguments and environment become a fetch; its end becomes an exit code and one last clear line.
// Source of arguments and texts: KServe python/storage-initializer/scripts/initializer-entrypoint.
import { readFileSync, writeFileSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { ServalError } from "@serval/api/errors/index.ts";
import { defaultLimits, type UnpackLimits } from "./archive/extraction.ts";
import { redactUri } from "./errors.ts";
import { type FetchRequest, fetchModels } from "./fetch.ts";
import { createProgress } from "./progress.ts";
import { allowLinkLocalVariable } from "./transport/address-guard.ts";
import type { HttpClient, HttpClientOptions } from "./transport/http-client.ts";
import { defaultRetry } from "./transport/retry.ts";

export interface RunFetchOptions {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly out: (line: string) => void;
  readonly signal: AbortSignal;
}

const defaultPartBytes = 16 * 1024 * 1024;

export const fetchUsage = `Usage: serval fetch [--allow-link-local] URI DIR [URI DIR …]

Fetches models, as KServe's storage initializer does. Read are file://, pvc://, gs:// (public), http:// and https://.
What was begun goes on at the next start; what is complete is not fetched again.

  --allow-link-local  Allow http(s) to 169.254.0.0/16 and other metadata addresses (${allowLinkLocalVariable}=true)`;

function parseRequests(args: readonly string[]): FetchRequest[] | undefined {
  const words = args.filter((arg) => arg !== "--allow-link-local");
  if (words.length < 2 || words.length % 2 !== 0 || words.some((word) => word.startsWith("--"))) return undefined;
  return Array.from({ length: words.length / 2 }, (_, i) => ({
    uri: words[2 * i] as string,
    dir: words[2 * i + 1] as string,
  }));
}

/** A positive number of the environment; anything else is the default. */
function number(text: string | undefined, fallback: number): number {
  const value = Number(text ?? Number.NaN);
  return Number.isFinite(value) && value > 0 ? value : fallback;
}

const limitsFrom = (env: RunFetchOptions["env"]): UnpackLimits => ({
  ...defaultLimits,
  maxEntries: number(env["SERVAL_UNPACK_MAX_ENTRIES"], defaultLimits.maxEntries),
  maxBytes: number(env["SERVAL_UNPACK_MAX_BYTES"], defaultLimits.maxBytes),
  maxRatio: number(env["SERVAL_UNPACK_MAX_RATIO"], defaultLimits.maxRatio),
});

function bootId(): string | undefined {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return undefined;
  }
}

/** A model on this machine needs no network: the client is loaded at the first request. */
function lazyHttpClient(options: HttpClientOptions): HttpClient {
  let client: Promise<HttpClient> | undefined;
  return {
    async get(url, request) {
      client ??= import("./transport/http-client.ts").then(({ createHttpClient }) => createHttpClient(options));
      return (await client).get(url, request);
    },
    close: async () => (await client?.catch(() => undefined))?.close(),
  };
}

const later = (ms: number, work: () => void): void => void setTimeout(work, ms).unref();

/** One line: what, why, fix. */
function failureText(error: unknown): string {
  const message = (error instanceof Error ? error.message : String(error)).replace(/\s+/g, " ").trim();
  if (!(error instanceof ServalError)) return `Unexpected error during storage initialization: ${message}`;
  return `Storage initialization failed: ${message.replace(/\.$/, "")}. Fix: ${error.fix}`;
}

/** Where Kubernetes reads last words; elsewhere the variable is not set and the log has them. */
function leaveLastWords(path: string | undefined, text: string, out: (line: string) => void): void {
  if (path === undefined || path === "") return;
  try {
    writeFileSync(path, text);
  } catch (error) {
    out(`(last words could not be written to ${path}: ${(error as Error).message})`);
  }
}

/** @returns the exit code: 0 all there, 1 not. */
export async function runFetch({ args, env, out, signal }: RunFetchOptions): Promise<number> {
  const requests = parseRequests(args);
  if (requests === undefined) {
    out(fetchUsage);
    return args.includes("--help") || args.includes("-h") ? 0 : 1;
  }
  const log = out;
  const allowLinkLocal = args.includes("--allow-link-local") || env[allowLinkLocalVariable] === "true";
  const progress = createProgress({ file: env["SERVAL_PROGRESS_FILE"], now: () => performance.now(), later, log });
  const pairs = requests.map(({ uri, dir }) => `('${redactUri(uri)}', '${dir}')`).join(", ");
  log(`Initializing, args: (src_uri, dest_path): [${pairs}]`);
  const http = lazyHttpClient({ env, allowLinkLocal });
  try {
    await fetchModels(requests, {
      env,
      http,
      progress,
      log,
      signal,
      retry: defaultRetry({
        sleep: async (ms, stop) => void (await wait(ms, undefined, { signal: stop })),
        random: Math.random,
      }),
      limits: limitsFrom(env),
      partBytes: number(env["SERVAL_FETCH_PART_BYTES"], defaultPartBytes),
      bootId: bootId(),
      now: () => performance.now(),
    });
    return 0;
  } catch (error) {
    progress.flush();
    const text = failureText(signal.aborted ? signal.reason : error);
    leaveLastWords(env["TERMINATION_MESSAGE_PATH"], text, out);
    out(text);
    return 1;
  } finally {
    await http.close();
  }
}
