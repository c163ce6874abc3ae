// SPDX-License-Identifier: Apache-2.0
// Go's regular expressions (RE2 syntax) as JavaScript's: the spellings that differ are translated.

const posixClasses: Readonly<Record<string, string>> = {
  alnum: "0-9A-Za-z",
  alpha: "A-Za-z",
  digit: "0-9",
  lower: "a-z",
  upper: "A-Z",
  space: "\\t\\n\\v\\f\\r ",
  punct: "!-\\/:-@\\[-`{-~",
  word: "0-9A-Za-z_",
  xdigit: "0-9A-Fa-f",
  blank: "\\t ",
  cntrl: "\\x00-\\x1f\\x7f",
  graph: "!-~",
  print: " -~",
  ascii: "\\x00-\\x7f",
};

const compiled = new Map<string, RegExp | undefined>();

/** undefined: an expression that JavaScript cannot read. Compiled once. */
export function goPattern(pattern: string): RegExp | undefined {
  if (!compiled.has(pattern)) compiled.set(pattern, translate(pattern));
  return compiled.get(pattern);
}

function translate(pattern: string): RegExp | undefined {
  const [, flags = ""] = /^\(\?([ims]+)\)/.exec(pattern) ?? [];
  const source = pattern
    .slice(flags === "" ? 0 : flags.length + 3)
    .replace(/\[:(\^?)(\w+):\]/g, (whole, _not: string, name: string) => posixClasses[name] ?? whole)
    .replaceAll("(?P<", "(?<")
    .replace(/\\([Az])/g, (_whole, anchor: string) => (anchor === "A" ? "^" : "$"));
  for (const mode of ["u", ""]) {
    try {
      return new RegExp(source, flags + mode);
    } catch {
      // not valid in this mode: the next one is more lenient
    }
  }
  return undefined;
}
