// SPDX-License-Identifier: Apache-2.0
// How tools that are not ours judge an object, by their own engines: Argo CD's bundled checks in the four forms that are
// in use, and kstatus, which Flux goes by.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { KubeObject } from "@serval/api";
import { goProgram } from "../go.ts";
import { argoScripts, argoVersions, scriptsFolder } from "./scripts.ts";

const run = promisify(execFile);

/** A version of Argo CD, or kstatus. */
export const judges = [...argoVersions, "kstatus"] as const;
export type Judge = (typeof judges)[number];

/** Argo CD's status is empty for a kind that the version has no script for. */
export interface Verdict {
  readonly status: string;
  readonly message: string;
}

export interface Question {
  readonly judge: Judge;
  readonly object: unknown;
}

/** The program that `ask` needs, with all that it needs; `skip: why` where this machine cannot have it. */
export async function judgesProgram(): Promise<string> {
  const scripts = await argoScripts();
  return scripts.startsWith("skip:") ? scripts : goProgram("judges");
}

/** One verdict per question, in their order. @throws with what the program says when it cannot read one. */
export async function ask(program: string, questions: readonly Question[]): Promise<Verdict[]> {
  const asked = run(program, [scriptsFolder()], { timeout: 60_000, maxBuffer: 64 << 20 });
  asked.child.stdin?.end(questions.map((question) => `${JSON.stringify(question)}\n`).join(""));
  const { stdout } = await asked;
  return stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Verdict);
}

/** What each judge says of each object, in the order of `judges`: `Healthy Healthy Progressing Healthy Current`. */
export async function verdictsOf(program: string, objects: readonly KubeObject[]): Promise<string[]> {
  const questions = objects.flatMap((object) => judges.map((judge) => ({ judge, object })));
  const verdicts = await ask(program, questions);
  return objects.map((_, row) => {
    const said = verdicts.slice(row * judges.length, (row + 1) * judges.length);
    return said.map(({ status }) => status || "-").join(" ");
  });
}

/** Of a service that is ready as KServe v0.20 has it: `Stopped=False` is a failure to all but the newest. */
export const ofReady = "Degraded Degraded Progressing Healthy Current";
