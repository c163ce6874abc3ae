// SPDX-License-Identifier: Apache-2.0
// Cases played on a home, compared and judged.
import { type FoundCase, recordingOf } from "./case.ts";
import { compare } from "./compare.ts";
import { type Deviation, judge, type Verdict } from "./deviations.ts";
import type { Home } from "./home.ts";

export interface RunOptions {
  readonly home: Home;
  readonly deviations: readonly Deviation[];
  readonly onVerdict?: (verdict: Verdict) => void;
}

/** A case that cannot be played has failed: its error is the difference. */
async function verdictOn(found: FoundCase, { home, deviations }: RunOptions): Promise<Verdict> {
  const { golden } = found;
  const name = golden.case;
  try {
    const { recording, options } = await home.play(found);
    const differences = compare(recording, recordingOf(golden), options);
    return judge({ name, home: home.name, recording, differences, deviations });
  } catch (error) {
    const ours = error instanceof Error ? (error.stack ?? error.message) : String(error);
    const open = [{ step: 0, object: "", field: "the run itself", ours, theirs: "an outcome" }];
    return { name, result: "failed", open, used: [] };
  }
}

/** In the order of the cases, whatever the order in which they end. */
export async function runCases(cases: readonly FoundCase[], options: RunOptions): Promise<Verdict[]> {
  const verdicts: Verdict[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < cases.length; index = next++) {
      const verdict = await verdictOn(cases[index] as FoundCase, options);
      verdicts[index] = verdict;
      options.onVerdict?.(verdict);
    }
  };
  await Promise.all(Array.from({ length: options.home.concurrency }, worker));
  return verdicts;
}
