// SPDX-License-Identifier: Apache-2.0
// Findings and checks as lines. Pure.
import type { Check, Finding } from "./finding.ts";
import { type Paper, paint, wrap } from "./paper.ts";

const mark = { problem: "✗", advice: "!" } as const;
const colour = { problem: "red", advice: "yellow" } as const;

/** `✗ SV4008 DeviceMissing`, the message, the way out. */
export function findingLines({ code, reason, message, fix, severity }: Finding, paper: Paper, indent = ""): string[] {
  const inner = `${indent}  `;
  return [
    `${indent}${paint(paper, colour[severity], `${mark[severity]} ${code} ${reason}`)}`,
    ...wrap(message, { first: inner, width: paper.width }),
    ...wrap(fix, { first: `${inner}Fix: `, rest: `${inner}     `, width: paper.width }),
  ];
}

const signOf = ({ findings }: Check): keyof typeof mark | undefined =>
  findings.some(({ severity }) => severity === "problem") ? "problem" : findings.length > 0 ? "advice" : undefined;

export function checkLines(checks: readonly Check[], paper: Paper): string[] {
  const width = Math.max(...checks.map(({ name }) => name.length));
  return checks.flatMap((check) => {
    const sign = signOf(check);
    const shown = sign === undefined ? paint(paper, "green", "✓") : paint(paper, colour[sign], mark[sign]);
    const rest = " ".repeat(width + 6);
    const [first = "", ...more] = wrap(check.state, {
      first: `  ✓ ${check.name.padEnd(width)}  `,
      rest,
      width: paper.width,
    });
    return [
      first.replace("✓", shown),
      ...more,
      ...check.findings.flatMap((finding) => findingLines(finding, paper, "    ")),
    ];
  });
}
