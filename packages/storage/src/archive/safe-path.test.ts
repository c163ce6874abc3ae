// SPDX-License-Identifier: Apache-2.0
// Names that strangers choose: a table of what is meant, and many that nobody meant.
import assert from "node:assert/strict";
import { posix } from "node:path";
import { describe, it } from "node:test";
import { safeLink, safePath, shown } from "./safe-path.ts";

describe("safePath()", () => {
  for (const [name, path] of [
    ["a/b", "a/b"],
    ["./a//b/", "a/b"],
    ["a/./b", "a/b"],
    ["...", "..."],
    ["a..b", "a..b"],
    ["./", ""],
    ["größe 1%20.bin", "größe 1%20.bin"],
  ] as const)
    it(`${name} → ${path}`, () => assert.deepEqual(safePath(name), { path }));

  it("nothing made of dangerous pieces leaves the root (20,000 names, seeded)", () => {
    const pieces = ["..", "/", "//", ".", "a", "\\", "C:", "\0", "\n", "..a", "~", "%2e%2e", "\u2215", ""];
    let state = 20_261_124;
    const next = (below: number): number => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    for (let i = 0; i < 20_000; i++) {
      const name = Array.from({ length: 1 + next(8) }, () => pieces[next(pieces.length)]).join("");
      const target = Array.from({ length: 1 + next(8) }, () => pieces[next(pieces.length)]).join("");
      const safe = safePath(name);
      if ("problem" in safe) continue;
      assert.ok(posix.resolve("/root", safe.path).startsWith("/root"), JSON.stringify(name));
      const link = safeLink(safe.path, target);
      if ("path" in link)
        assert.ok(posix.resolve("/root", link.path).startsWith("/root"), JSON.stringify([name, target]));
    }
  });
});

it("shown() keeps messages short and free of control characters", () => {
  assert.equal(shown("a\u001b[2Jb"), '"a\\u001b[2Jb"');
  assert.ok(shown("n".repeat(100_000)).length < 300);
});
