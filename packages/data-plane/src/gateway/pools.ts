// SPDX-License-Identifier: Apache-2.0
// Connections to endpoints: one undici pool per origin, kept while the endpoint is known.
import { Pool } from "undici";
import type { Endpoint } from "./endpoints.ts";

const connectTimeoutMs = 2_000;

export interface Pools {
  of(endpoint: Endpoint): Pool;
  /** Ends the pools of endpoints that are no longer known; requests in flight finish. */
  keepOnly(origins: ReadonlySet<string>): void;
  readonly origins: readonly string[];
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
          connections: 1_024,
          pipelining: 1,
          keepAliveTimeout: 3_000,
          keepAliveMaxTimeout: 30_000,
          connect: { timeout: connectTimeoutMs },
          // The route's own timeout is the only one: a language model may think for minutes.
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
    get origins() {
      return [...pools.keys()];
    },
    async close() {
      await Promise.all([...pools.values()].map((pool) => pool.destroy()));
    },
  };
}
