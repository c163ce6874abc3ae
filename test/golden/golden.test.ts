// SPDX-License-Identifier: Apache-2.0
// The regression floor of `npm test`: every recorded case in the pure home, where the recorded cases are.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { goldenFolder, readCases, recordingOf } from "./case.ts";
import { compare } from "./compare.ts";
import { judge, readDeviations } from "./deviations.ts";
import { pureHome } from "./homes/pure.ts";
import { differenceLine } from "./report.ts";

const skip = existsSync(goldenFolder) ? false : `the recorded cases are not at ${goldenFolder} (set SERVAL_GOLDEN)`;

for (const folder of ["raw-gateway", "raw-ingress", "validation"]) {
  describe(`recorded cases: ${folder}`, { skip }, () => {
    if (skip !== false) return;
    const home = pureHome();
    const deviations = readDeviations();
    for (const found of readCases(join(goldenFolder, folder))) {
      const { golden } = found;
      it(golden.case, async () => {
        const { recording, options } = await home.play(found);
        const differences = compare(recording, recordingOf(golden), options);
        const { open } = judge({ name: golden.case, home: home.name, recording, differences, deviations });
        assert.deepEqual(open.map(differenceLine), []);
      });
    }
  });
}
