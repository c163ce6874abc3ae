// SPDX-License-Identifier: Apache-2.0
// Text for a terminal: wrapped at its width, coloured where that helps and is wanted. Pure.

export interface Paper {
  readonly width: number;
  readonly hasColour: boolean;
}

const codes = { red: 31, green: 32, yellow: 33, bold: 1, dim: 2 } as const;

/** https://no-color.org: set and not empty means no colour. */
export const paperFor = (io: { isTerminal: boolean; env: NodeJS.ProcessEnv }, columns: number | undefined): Paper => ({
  width: Math.max(40, Math.min(120, columns ?? 80)),
  hasColour: io.isTerminal && (io.env["NO_COLOR"] ?? "") === "" && io.env["TERM"] !== "dumb",
});

export const paint = ({ hasColour }: Paper, colour: keyof typeof codes, text: string): string =>
  hasColour ? `\u001b[${codes[colour]}m${text}\u001b[0m` : text;

/** Breaks at spaces; a word longer than the line stays whole, so that URLs and commands can be copied. */
export function wrap(
  text: string,
  { first = "", rest = first, width }: { first?: string; rest?: string; width: number },
): string[] {
  const lines: string[] = [];
  for (const paragraph of text.split("\n")) {
    let line = lines.length === 0 ? first : rest;
    let isEmpty = true;
    for (const word of paragraph.split(" ")) {
      if (!isEmpty && line.length + 1 + word.length > width) {
        lines.push(line);
        line = rest;
        isEmpty = true;
      }
      line += isEmpty ? word : ` ${word}`;
      isEmpty = false;
    }
    lines.push(line);
  }
  return lines;
}
