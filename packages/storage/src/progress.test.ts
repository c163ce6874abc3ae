// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { createProgress } from "./progress.ts";

it("the file says phase and bytes, at most four times a second; people get a line every two seconds", async (t) => {
  const dir = await mkdtemp(join(tmpdir(), "serval-progress-"));
  t.after(() => rm(dir, { recursive: true, force: true }));
  const file = join(dir, "progress.json");
  const lines: string[] = [];
  let at = 0;
  const progress = createProgress({ file, now: () => at, later: () => {}, log: (line) => void lines.push(line) });
  progress.begin("Downloading", 1_000);
  const seen: number[] = [];
  for (let step = 0; step < 50; step++) {
    at += 50;
    progress.add(20);
    const { bytes } = JSON.parse(await readFile(file, "utf8")) as { bytes: number };
    if (bytes !== seen.at(-1)) seen.push(bytes);
  }
  assert.deepEqual(seen, [0, 100, 200, 300, 400, 500, 600, 700, 800, 900, 1_000]);
  assert.deepEqual(JSON.parse(await readFile(file, "utf8")), { phase: "Downloading", bytes: 1_000, totalBytes: 1_000 });
  assert.deepEqual(lines, ["Downloading 800 B of 1000 B (80%), 400 B/s"]);
  assert.deepEqual(await readdir(dir), ["progress.json"]);
});

it("a file that cannot be written does not end the fetch", () => {
  const progress = createProgress({ file: "/dev/null/progress.json", now: () => 0, later: () => {}, log: () => {} });
  progress.begin("Downloading", undefined);
  progress.flush();
});

it("a source that stalls after a burst leaves the last state, not the first", async (t) => {
  const dir = await mkdtemp(join(tmpdir(), "serval-progress-"));
  t.after(() => rm(dir, { recursive: true, force: true }));
  const file = join(dir, "progress.json");
  const planned: { ms: number; work: () => void }[] = [];
  const later = (ms: number, work: () => void): void => void planned.push({ ms, work });
  const progress = createProgress({ file, now: () => 0, later, log: () => {} });
  progress.begin("Downloading", 10);
  for (let i = 0; i < 9; i++) progress.add(1);
  assert.deepEqual(
    planned.map(({ ms }) => ms),
    [250],
  );
  planned[0]?.work();
  assert.equal(JSON.parse(await readFile(file, "utf8")).bytes, 9);
});
