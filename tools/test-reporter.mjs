// SPDX-License-Identifier: Apache-2.0
// What a test run prints: a dot-free summary per file, every failure whole, every skip with its reason, and at the end
// the one line that others read: `N passed, N failed, N skipped`. A test counts, a group of tests does not.
import { appendFileSync } from "node:fs";
import { relative } from "node:path";

const causeOf = (error) => error?.cause ?? error;

function describe({ name, file, line, details }) {
  const cause = causeOf(details.error);
  const text = cause?.stack ?? cause?.message ?? String(cause);
  return `\n✖ ${name}  (${relative(process.cwd(), file ?? "")}:${line ?? ""})\n${text}\n`;
}

// biome-ignore lint/style/noDefaultExport: node:test takes a reporter by its default export only
export default async function* reporter(source) {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  const files = new Map();
  const skips = new Map();
  for await (const { type, data } of source) {
    if (type === "test:stderr" && process.env.SERVAL_TEST_STDERR !== undefined) yield data.message;
    // What a story measured. The runner's own totals have no file.
    if (type === "test:diagnostic" && process.env.SERVAL_TEST_FIGURES !== undefined && data.file !== undefined)
      yield `  ${data.message}\n`;
    if (type !== "test:pass" && type !== "test:fail") continue;
    // A file that cannot even be loaded is reported as a failing test of its own.
    const isGroup = data.details.type === "suite";
    if (isGroup && type === "test:pass") continue;
    const isGroupOfFailures =
      isGroup && /subtests? failed/.test(causeOf(data.details.error)?.message ?? causeOf(data.details.error) ?? "");
    if (isGroupOfFailures) continue;
    const file = relative(process.cwd(), data.file ?? "");
    const entry = files.get(file) ?? { passed: 0, failed: 0 };
    files.set(file, entry);
    if (data.skip !== undefined || data.todo !== undefined) {
      counts.skipped += 1;
      const reason = typeof data.skip === "string" ? data.skip : String(data.todo ?? "no reason given");
      skips.set(reason, (skips.get(reason) ?? 0) + 1);
    } else if (type === "test:pass") {
      counts.passed += 1;
      entry.passed += 1;
    } else {
      counts.failed += 1;
      entry.failed += 1;
      yield describe(data);
    }
  }
  for (const [file, { passed, failed }] of files)
    yield `${failed === 0 ? "✔" : "✖"} ${file}  ${passed}${failed === 0 ? "" : `, ${failed} failed`}\n`;
  for (const [reason, count] of skips) yield `- skipped ${count}: ${reason}\n`;
  if (process.env.SERVAL_TEST_COUNTS !== undefined)
    appendFileSync(process.env.SERVAL_TEST_COUNTS, `${JSON.stringify(counts)}\n`);
  yield `${counts.passed} passed, ${counts.failed} failed${counts.skipped === 0 ? "" : `, ${counts.skipped} skipped`}\n`;
}
