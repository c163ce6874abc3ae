// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { sizeProblems } from "./check-sizes.ts";
import { cycles, fileProblems, importsOf } from "./import-rules.ts";

const cases = [
  { path: "packages/operator/src/a.ts", text: 'import { x } from "@serval/kube";', want: "" },
  { path: "packages/operator/src/a.ts", text: 'import { x } from "@serval/data-plane";', want: "may not import" },
  { path: "packages/operator/src/a.ts", text: 'const x = await import("@serval/runtimes");', want: "may not import" },
  { path: "packages/operator/src/a.test.ts", text: 'import { x } from "@serval/embedded";', want: "" },
  { path: "packages/api/src/a.ts", text: 'import { readFile } from "node:fs/promises";', want: "is pure" },
  { path: "packages/kube/src/a.ts", text: 'import { x } from "../../api/src/b.ts";', want: "leaves its package" },
  { path: "packages/api/src/a/b/c/d.ts", text: 'import {\n  x,\n} from "../../../e.ts";', want: '"@serval/api/e.ts"' },
  { path: "packages/kube/src/a.ts", text: 'import { x } from "./b.test.ts";', want: "a test's file" },
  { path: "packages/operator/src/a.ts", text: 'if (home === "embedded") y();', want: "the embedded one" },
  { path: "packages/cli/src/a.ts", text: 'if (home === "embedded") y();', want: "" },
];

describe("the direction table", () => {
  for (const { path, text, want } of cases)
    it(`${path}: ${text.split("\n").join(" ")} -> ${want || "fine"}`, () => {
      const problems = fileProblems({ path, text });
      assert.equal(problems.length, want === "" ? 0 : 1, problems.join("\n"));
      assert.ok(problems.join("").includes(want));
    });

  it("finds a cycle, and none through types or lazy imports", () => {
    const file = (name: string, text: string) => ({ path: `packages/kube/src/${name}.ts`, text });
    const back = (text: string) => cycles([file("a", 'import { b } from "./b.ts";'), file("b", text)]);
    assert.deepEqual(back('export { a } from "./a.ts";'), [
      "cycle: packages/kube/src/a.ts -> packages/kube/src/b.ts -> packages/kube/src/a.ts",
    ]);
    assert.deepEqual(back('import type { a } from "./a.ts";'), []);
    assert.deepEqual(back('const load = () => import("./a.ts");'), []);
  });

  it("reads every form of import", () => {
    const text =
      'import "a";\nimport type { T } from "b";\nimport d, { e } from "c";\nexport * from "d";\nimport("e");';
    assert.deepEqual(
      importsOf(text).map(({ specifier }) => specifier),
      ["a", "b", "c", "d", "e"],
    );
  });
});

describe("file budgets", () => {
  const body = (lines: number) => `// SPDX-License-Identifier: Apache-2.0\n${"x\n".repeat(lines - 1)}`;
  it("400 lines of source, 600 of a test", () => {
    assert.deepEqual(sizeProblems({ path: "packages/kube/src/a.ts", text: body(400) }), []);
    assert.equal(sizeProblems({ path: "packages/kube/src/a.ts", text: body(401) }).length, 1);
    assert.deepEqual(sizeProblems({ path: "packages/kube/src/a.test.ts", text: body(600) }), []);
  });
  it("a licence line and a name that says something", () => {
    assert.match(sizeProblems({ path: "tools/a.ts", text: "x" }).join(), /first line/);
    assert.match(sizeProblems({ path: "packages/kube/src/utils.ts", text: body(2) }).join(), /says nothing/);
  });
});
