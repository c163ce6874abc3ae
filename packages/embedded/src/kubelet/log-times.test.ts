// SPDX-License-Identifier: Apache-2.0
// Times of log lines: from the notes, and on a real pod.
import assert from "node:assert/strict";
import { appendFile, mkdtemp, rm, truncate, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { LogClock, readLogTimes } from "./log-times.ts";
import { type PodHome, shell, startPodHome } from "./testing/pod-home.ts";

let dir = "";
before(async () => {
  dir = await mkdtemp(join(tmpdir(), "serval-log-times-"));
});
after(() => rm(dir, { recursive: true, force: true }));

const never = (): number => assert.fail("every byte has a note");

describe("LogClock", () => {
  it("knows when each line was written, also after a restart of the kubelet", async () => {
    const log = join(dir, "0.log");
    let clock = new LogClock();
    const write = async (text: string, second: number): Promise<void> => {
      await appendFile(log, text);
      await utimes(log, second, second);
      await clock.note([log]);
    };
    await write("one\n", 100);
    await write("two\nthree\n", 200);
    clock = new LogClock();
    await clock.note([log]);
    await write("four\n", 300);
    const times = readLogTimes(log, never);
    assert.deepEqual(
      [0, 3, 4, 13, 14, 18].map(times.at),
      [100, 100, 200, 200, 300, 300].map((s) => s * 1_000),
    );
    assert.deepEqual([0, 100_000, 100_001, 200_000, 250_000, 400_000].map(times.offsetSince), [0, 0, 4, 4, 14, 19]);
  });

  it("begins anew with a rotated log", async () => {
    const log = join(dir, "1.log");
    const clock = new LogClock();
    await writeFile(log, "long before\n");
    await utimes(log, 100, 100);
    await clock.note([log]);
    await truncate(log, 0);
    await appendFile(log, "new\n");
    await utimes(log, 200, 200);
    await clock.note([log]);
    assert.equal(readLogTimes(log, never).at(0), 200_000);
  });

  it("a byte behind the notes is as old as the file, one behind the file is of now", async () => {
    const log = join(dir, "2.log");
    await writeFile(log, "unseen\n");
    await utimes(log, 100, 100);
    const times = readLogTimes(log, () => 7);
    assert.deepEqual([times.at(3), times.at(99)], [100_000, 7]);
  });
});

describe("kubectl logs", () => {
  let home: PodHome;
  before(async () => {
    home = await startPodHome({ octet: 18 });
  });
  after(() => home[Symbol.asyncDispose]());

  it("--timestamps and --since tell lines apart", async () => {
    await home.run("speaks", {
      restartPolicy: "Never",
      containers: [shell("echo early; sleep 2.5; date +%s; echo late")],
    });
    await home.pod("speaks", ({ status }) => status?.phase === "Succeeded", "Succeeded");
    const lines = (await home.logs("speaks", { timestamps: true }))
      .trim()
      .split("\n")
      .map((line) => line.split(" ") as [string, string]);
    assert.deepEqual([lines[0]?.[1], lines[2]?.[1]], ["early", "late"]);
    for (const [time] of lines) assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/);
    const [early, said, late] = lines.map(([time]) => Date.parse(time)) as [number, number, number];
    assert.ok(late - early >= 1_000, `${late} is not later than ${early}`);
    assert.ok(Math.abs(said - Number(lines[1]?.[1]) * 1_000) < 2_000);
    assert.match(await home.logs("speaks", { sinceSeconds: 2 }), /^\d+\nlate\n$/);
    assert.match(await home.logs("speaks", { sinceSeconds: 60, tailLines: 1 }), /^late\n$/);
  });
});
