// SPDX-License-Identifier: Apache-2.0
// STORAGE_ALLOW_PATTERNS and STORAGE_IGNORE_PATTERNS: shell patterns on relative paths. Pure.
// Source: KServe kserve_storage.py (`_get_patterns`, fnmatch).
import type { Access } from "./scheme.ts";

/** fnmatch: `*` also matches `/`; `?`; `[abc]`, `[!abc]`. */
export function patternToRegExp(pattern: string): RegExp {
  const source = pattern.replace(
    /\[(!?)([^\]]*)\]|[\s\S]/g,
    (token, negated: string | undefined, set: string | undefined) => {
      if (token === "*") return ".*";
      if (token === "?") return ".";
      if (set !== undefined && set !== "") return `[${negated === "!" ? "^" : ""}${set.replace(/[\\^]/g, "\\$&")}]`;
      return token.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    },
  );
  return new RegExp(`^${source}$`, "s");
}

/** A JSON array or a list with commas. */
export function parsePatterns(text: string | undefined): string[] {
  const trimmed = (text ?? "").trim();
  if (trimmed === "") return [];
  if (trimmed.startsWith("[")) {
    try {
      const parsed: unknown = JSON.parse(trimmed);
      if (Array.isArray(parsed)) return parsed.map(String);
    } catch {
      // A pattern may begin with a bracket; then it is a list with commas.
      return trimmed.split(",").map((part) => part.trim());
    }
  }
  return trimmed
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

/** First what is allowed, then what is ignored. */
export function pathFilter(env: Access["env"]): (path: string) => boolean {
  const allow = parsePatterns(env["STORAGE_ALLOW_PATTERNS"]).map(patternToRegExp);
  const ignore = parsePatterns(env["STORAGE_IGNORE_PATTERNS"]).map(patternToRegExp);
  return (path) =>
    (allow.length === 0 || allow.some((pattern) => pattern.test(path))) &&
    !ignore.some((pattern) => pattern.test(path));
}
