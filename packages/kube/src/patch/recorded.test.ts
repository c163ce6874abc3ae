// SPDX-License-Identifier: Apache-2.0
// The recorded answers of Kubernetes' own code (test/oracle, `--record`): what holds on machines without Go.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { gunzipSync } from "node:zlib";

// The comparison is the oracle's; a package may not depend on test/, so its parts are loaded by path, in the test only.
const oracle = new URL("../../../../test/oracle/", import.meta.url);

interface Recorded {
  readonly request: { readonly kind: string };
  readonly answer: Record<string, unknown>;
}

describe("the recorded answers of Kubernetes", async () => {
  const { Ours } = await import(new URL("ours.ts", oracle).href);
  const { differences } = await import(new URL("compare.ts", oracle).href);
  const { definitions } = await import(new URL("schemas.ts", oracle).href);
  const lines = gunzipSync(readFileSync(new URL("recorded.jsonl.gz", oracle)))
    .toString()
    .split("\n");
  const ours = new Ours(definitions());
  const cases = lines.map((line) => JSON.parse(line) as Recorded);
  const answers = cases.map(({ request, answer }) => ({
    kind: request.kind,
    theirs: answer,
    mine: ours.answer(request),
  }));

  for (const kind of ["strategic", "json-patch", "merge-patch", "apply", "prune", "default", "validate"]) {
    const ofKind = answers.filter((one) => one.kind === kind);
    it(`${kind}: ours equals theirs in ${ofKind.length} cases`, () => {
      assert.ok(ofKind.length >= 3);
      assert.deepEqual(
        ofKind.flatMap(({ theirs, mine }) => differences(theirs, mine)),
        [],
      );
    });
  }
});
