// SPDX-License-Identifier: Apache-2.0
// Which of two releases is the newer one, as semantic versioning orders them. Pure.

const core = (release: string): number[] =>
  (release.replace(/^v/, "").split(/[-+]/)[0] ?? "").split(".").map((part) => Number.parseInt(part, 10) || 0);

const preRelease = (release: string): string => (release.split("+")[0] ?? "").split("-").slice(1).join("-");

function compareIdentifiers(a: string, b: string): number {
  const [left, right] = [a.split("."), b.split(".")];
  for (let index = 0; index < Math.max(left.length, right.length); index++) {
    const [x, y] = [left[index], right[index]];
    if (x === y) continue;
    if (x === undefined) return -1;
    if (y === undefined) return 1;
    const [m, n] = [Number(x), Number(y)];
    if (!Number.isNaN(m) && !Number.isNaN(n)) return m - n;
    // Numbers come before words.
    if (Number.isNaN(m) !== Number.isNaN(n)) return Number.isNaN(m) ? 1 : -1;
    return x < y ? -1 : 1;
  }
  return 0;
}

/** Negative: `a` is older. */
export function compareReleases(a: string, b: string): number {
  const [left, right] = [core(a), core(b)];
  for (let index = 0; index < 3; index++) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0);
    if (difference !== 0) return difference;
  }
  const [early, late] = [preRelease(a), preRelease(b)];
  if (early === "" || late === "") return (early === "" ? 1 : 0) - (late === "" ? 1 : 0);
  return compareIdentifiers(early, late);
}
