// SPDX-License-Identifier: Apache-2.0
// Argo CD's own scripts and Flux's own library: what they say of every kind of status, and of what our operator writes.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { parse } from "yaml";
import { ask, judgesProgram, type Question, verdictsOf } from "./judges/judges.ts";
import { argoVersions, scriptsFolder } from "./judges/scripts.ts";
import { statuses } from "./judges/statuses.ts";

const program = await judgesProgram();
const skip = program.startsWith("skip:") ? program.slice(5) : false;

interface ArgoCase {
  readonly healthStatus: object;
  readonly inputPath: string;
}

describe("Argo CD's scripts and Flux's library", { skip }, () => {
  it("are run as Argo CD runs them: they answer its own cases", async () => {
    const [questions, wanted]: [Question[], object[]] = [[], []];
    for (const judge of argoVersions)
      for (const kind of ["InferenceService", "LLMInferenceService"]) {
        const folder = join(scriptsFolder(), judge, "serving.kserve.io", kind);
        if (!existsSync(folder)) continue;
        const { tests } = parse(await readFile(join(folder, "health_test.yaml"), "utf8")) as { tests: ArgoCase[] };
        for (const { healthStatus, inputPath } of tests) {
          questions.push({ judge, object: parse(await readFile(join(folder, inputPath), "utf8")) });
          wanted.push(healthStatus);
        }
      }
    assert.ok(wanted.length >= 30, `${wanted.length} cases`);
    assert.deepEqual(await ask(program, questions), wanted);
  });

  it("say of every kind of status what the table has", async () => {
    const said = await verdictsOf(
      program,
      statuses.map(([, object]) => object),
    );
    assert.deepEqual(
      statuses.map(([what], row) => `${what}: ${said[row]}`),
      statuses.map(([what, , wanted]) => `${what}: ${wanted}`),
    );
  });
});
