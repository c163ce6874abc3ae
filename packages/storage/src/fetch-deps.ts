// SPDX-License-Identifier: Apache-2.0
// What a fetch gets from outside, so that tests are exact: network, patience, limits, clock, output.
import type { UnpackLimits } from "./archive/extraction.ts";
import type { Progress } from "./progress.ts";
import type { Access } from "./scheme.ts";
import type { HttpClient } from "./transport/http-client.ts";
import type { RetryPolicy } from "./transport/retry.ts";

export interface FetchDeps {
  readonly env: Access["env"];
  readonly http: HttpClient;
  readonly retry: RetryPolicy;
  readonly limits: UnpackLimits;
  readonly progress: Progress;
  /** Bytes per ranged request. */
  readonly partBytes: number;
  /** Changes with each start of the machine; undefined where that is not known. */
  readonly bootId: string | undefined;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  readonly log: (line: string) => void;
  readonly signal: AbortSignal;
}
