// SPDX-License-Identifier: Apache-2.0
// What a home is to the runner: something that a case can be played on.
import type { FoundCase, Recording } from "./case.ts";
import type { CompareOptions } from "./compare.ts";

export interface Played {
  readonly recording: Recording;
  /** What this home can tell about this case; empty: everything. */
  readonly options: CompareOptions;
}

export interface Home {
  readonly name: string;
  /** Cases at once. */
  readonly concurrency: number;
  play(found: FoundCase): Promise<Played>;
  close(): Promise<void>;
}
