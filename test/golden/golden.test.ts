// SPDX-License-Identifier: Apache-2.0
// The regression floor of `npm test`: every recorded case in the pure home, where the recorded cases are.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { type FoundCase, goldenFolder, readCases, recordingOf } from "./case.ts";
import { compare } from "./compare.ts";
import { judge, readDeviations, staleDeviations, type Verdict } from "./deviations.ts";
import { pureHome } from "./homes/pure.ts";
import { differenceLine, staleLine } from "./report.ts";

const skip = existsSync(goldenFolder) ? false : `the recorded cases are not at ${goldenFolder} (set SERVAL_GOLDEN)`;
const home = pureHome();
const deviations = readDeviations();
const verdicts: Verdict[] = [];

async function play(found: FoundCase): Promise<Verdict> {
  const { golden } = found;
  const { recording, options } = await home.play(found);
  const differences = compare(recording, recordingOf(golden), options);
  return judge({ name: golden.case, home: home.name, recording, differences, deviations });
}

for (const folder of ["raw-gateway", "raw-ingress", "validation"]) {
  describe(`recorded cases: ${folder}`, { skip }, () => {
    if (skip !== false) return;
    for (const found of readCases(join(goldenFolder, folder)))
      it(found.golden.case, async () => {
        const verdict = await play(found);
        verdicts.push(verdict);
        assert.deepEqual(verdict.open.map(differenceLine), []);
      });
  });
}

describe("recorded cases", () => {
  it("need every deviation", { skip }, () =>
    assert.deepEqual(staleDeviations(deviations, verdicts, home.name).map(staleLine), []),
  );
});
