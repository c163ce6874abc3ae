// SPDX-License-Identifier: Apache-2.0
// Everything a test of fetching needs: a server that can misbehave, a folder, patience that costs no time, the log.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { defaultLimits, type UnpackLimits } from "../archive/extraction.ts";
import { fetchModels } from "../fetch.ts";
import type { FetchDeps } from "../fetch-deps.ts";
import { createProgress } from "../progress.ts";
import { createHttpClient, type HttpClientOptions } from "../transport/http-client.ts";
import { type FaultServer, startFaultServer } from "./fault-server.ts";

export interface FetchBench {
  readonly server: FaultServer;
  /** Removed after the test. */
  readonly root: string;
  /** The destination. */
  readonly dir: string;
  readonly lines: string[];
  /** Milliseconds that the fetch wanted to wait. */
  readonly waits: number[];
  fetch(uri: string, change?: Partial<BenchOptions>): Promise<void>;
}

export interface BenchOptions {
  readonly env: Record<string, string>;
  readonly dir: string;
  readonly partBytes: number;
  readonly limits: Partial<UnpackLimits>;
  readonly lookup: NonNullable<HttpClientOptions["lookup"]>;
  readonly bootId: string;
  readonly allowLinkLocal: boolean;
  readonly stallMs: number;
}

export async function createBench(test: TestContext): Promise<FetchBench> {
  const root = await mkdtemp(join(tmpdir(), "serval-fetch-"));
  const server = await startFaultServer();
  test.after(async () => {
    await server.close();
    await rm(root, { recursive: true, force: true });
  });
  const lines: string[] = [];
  const waits: number[] = [];
  const log = (line: string): void => void lines.push(line);
  const dir = join(root, "models");
  return {
    server,
    root,
    dir,
    lines,
    waits,
    async fetch(uri, change = {}) {
      const env = change.env ?? {};
      const http = createHttpClient({
        env,
        allowLinkLocal: change.allowLinkLocal ?? false,
        stallMs: change.stallMs ?? 30_000,
        ...(change.lookup === undefined ? {} : { lookup: change.lookup }),
      });
      const deps: FetchDeps = {
        env,
        http,
        log,
        retry: { attempts: 4, firstMs: 100, maxMs: 1_000, random: () => 1, sleep: async (ms) => void waits.push(ms) },
        limits: { ...defaultLimits, ...change.limits },
        progress: createProgress({
          file: env["SERVAL_PROGRESS_FILE"],
          now: () => performance.now(),
          later: () => {},
          log,
        }),
        partBytes: change.partBytes ?? 64 * 1024,
        bootId: change.bootId ?? "this boot",
        now: () => performance.now(),
        signal: test.signal,
      };
      try {
        await fetchModels([{ uri, dir: change.dir ?? dir }], deps);
      } finally {
        await http.close();
      }
    },
  };
}
