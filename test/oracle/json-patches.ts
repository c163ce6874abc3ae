// SPDX-License-Identifier: Apache-2.0
// Random JSON patches (RFC 6902) and merge patches (RFC 7396), most of whose paths exist.
import { isMap } from "@serval/kube/schema/json.ts";
import type { Request } from "./cases.ts";
import type { Random } from "./random.ts";

const keys = ["a", "b", "a/b", "m~n", "0", "__proto__"];

export class JsonPatches {
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  next(): Request {
    const original = this.#map(0);
    if (this.#random.chance(0.2)) return { kind: "merge-patch", original, patch: this.#map(1) };
    const patch = Array.from({ length: 1 + this.#random.int(4) }, () => this.#operation(original));
    return { kind: "json-patch", original, patch };
  }

  #map(depth: number): unknown {
    const count = this.#random.int(5);
    return Object.fromEntries(Array.from({ length: count }, () => [this.#random.pick(keys), this.#value(depth + 1)]));
  }

  #value(depth: number): unknown {
    const kind = this.#random.int(depth > 3 ? 4 : 8);
    if (kind < 3) return this.#random.pick<unknown>([1, "x", true, 1.5, ""]);
    if (kind === 3) return this.#random.chance(0.3) ? null : "y";
    if (kind < 6) return this.#map(depth);
    return Array.from({ length: this.#random.int(4) }, () => this.#value(depth + 1));
  }

  #operation(original: unknown): unknown {
    const op = this.#random.pick([
      "add",
      "remove",
      "replace",
      "move",
      "copy",
      "test",
      ...(this.#random.chance(0.05) ? ["odd"] : []),
    ]);
    const path = this.#path(original);
    if (op === "move" || op === "copy") return { op, from: this.#path(original), path };
    if (op === "remove") return { op, path };
    const value = op === "test" && this.#random.chance(0.6) ? at(original, path) : this.#value(2);
    return { op, path, value: value ?? null };
  }

  /** A walk down the document that now and then leaves it. */
  #path(original: unknown): string {
    let node = original;
    let path = "";
    do {
      const inside = Array.isArray(node) ? node.map((_, index) => String(index)) : isMap(node) ? Object.keys(node) : [];
      const outside = Array.isArray(node) ? ["-", "-1", "9", "x"] : keys;
      const token = this.#random.pick(inside.length === 0 || this.#random.chance(0.15) ? outside : inside);
      path += `/${token.replaceAll("~", "~0").replaceAll("/", "~1")}`;
      node = at(node, `/${token.replaceAll("~", "~0").replaceAll("/", "~1")}`);
    } while (this.#random.chance(0.6) && typeof node === "object" && node !== null);
    return path;
  }
}

function at(document: unknown, path: string): unknown {
  const tokens = path
    .split("/")
    .slice(1)
    .map((token) => token.replaceAll("~1", "/").replaceAll("~0", "~"));
  return tokens.reduce<unknown>((node, token) => {
    if (typeof node !== "object" || node === null || !Object.hasOwn(node, token)) return undefined;
    return (node as { [key: string]: unknown })[token];
  }, document);
}
