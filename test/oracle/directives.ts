// SPDX-License-Identifier: Apache-2.0
// Random strategic merge patches: partial objects with directives, made to hit what the original holds.
import { isMap, type JsonMap } from "@serval/kube/schema/json.ts";
import { resolveSchema, type Schema, type TypeSchema } from "@serval/kube/schema/schema.ts";
import type { Random } from "./random.ts";
import type { Values } from "./values.ts";

export class DirectivePatches {
  readonly #random: Random;
  readonly #type: TypeSchema;

  constructor(random: Random, type: TypeSchema) {
    this.#random = random;
    this.#type = type;
  }

  patchFor(original: JsonMap, values: Values, meta: Schema): JsonMap {
    const patch = values.of(this.#type.root) as JsonMap;
    if (this.#random.chance(0.5)) patch["metadata"] = values.of(meta, 1);
    return this.#decorate(original, patch, this.#type.root);
  }

  #decorate(original: unknown, patch: JsonMap, given: Schema): JsonMap {
    const schema = resolveSchema(this.#type, given);
    const before = isMap(original) ? original : {};
    const out: JsonMap = {};
    for (const key of Object.keys(patch)) {
      const property =
        schema.properties?.[key] ??
        (typeof schema.additionalProperties === "object" ? schema.additionalProperties : {});
      const value = patch[key];
      if (this.#random.chance(0.05)) out[key] = null;
      else if (isMap(value)) out[key] = this.#decorate(before[key], value, property);
      else if (Array.isArray(value)) this.#list(out, key, { before: before[key], value, property });
      else out[key] = value;
    }
    if (this.#random.chance(0.02)) out["$patch"] = this.#random.pick(["replace", "replace", "delete", "odd"]);
    if (this.#random.chance(0.03)) out["$retainKeys"] = Object.keys(out).filter((key) => !key.startsWith("$"));
    return out;
  }

  #list(
    out: JsonMap,
    key: string,
    { before, value, property }: { before: unknown; value: unknown[]; property: Schema },
  ): void {
    const list = resolveSchema(this.#type, property);
    const mergeKey = property["x-kubernetes-patch-merge-key"];
    const items = list.items ?? {};
    const old = Array.isArray(before) ? before : [];
    const isMerged = (property["x-kubernetes-patch-strategy"] ?? "").includes("merge");
    out[key] = value.map((item) =>
      isMap(item)
        ? this.#decorate(
            old.find((o) => mergeKey !== undefined && isMap(o) && o[mergeKey] === item[mergeKey]),
            item,
            items,
          )
        : item,
    );
    if (!isMerged) return;
    if (mergeKey === undefined) this.#scalars(out, key, old);
    else this.#maps(out, key, { old, mergeKey });
  }

  #scalars(out: JsonMap, key: string, old: unknown[]): void {
    const added = out[key] as unknown[];
    const gone = old.filter((item) => !added.includes(item) && this.#random.chance(0.5));
    if (gone.length > 0 && this.#random.chance(0.6)) out[`$deleteFromPrimitiveList/${key}`] = gone;
    if (!this.#random.chance(0.4)) return;
    const extra = this.#random.shuffled(old.filter((item) => !added.includes(item) && !gone.includes(item)));
    out[`$setElementOrder/${key}`] = this.#interleave(added, extra.slice(0, this.#random.int(3)));
  }

  #maps(out: JsonMap, key: string, { old, mergeKey }: { old: unknown[]; mergeKey: string }): void {
    const items = out[key] as unknown[];
    const keyOf = (item: unknown): unknown => (isMap(item) ? item[mergeKey] : undefined);
    const gone = old.filter((item) => this.#random.chance(0.2) && !items.some((other) => keyOf(other) === keyOf(item)));
    for (const item of gone) items.push({ [mergeKey]: keyOf(item), $patch: "delete" });
    if (this.#random.chance(0.05)) items.push({ $patch: this.#random.pick(["replace", "replace", "merge"]) });
    if (!this.#random.chance(0.4)) return;
    const kept = items.filter((item) => isMap(item) && item["$patch"] === undefined).map(keyOf);
    const extra = this.#random.shuffled(
      old.map(keyOf).filter((one) => !kept.includes(one) && !gone.map(keyOf).includes(one)),
    );
    const order = this.#interleave(kept, extra.slice(0, this.#random.int(3)));
    out[`$setElementOrder/${key}`] = (this.#random.chance(0.97) ? order : this.#random.shuffled(order)).map((one) => ({
      [mergeKey]: one,
    }));
  }

  /** `extra` somewhere between `items`, both in their own order. */
  #interleave(items: readonly unknown[], extra: readonly unknown[]): unknown[] {
    const out = [...items];
    for (const one of extra) out.splice(this.#random.int(out.length + 1), 0, one);
    return out;
  }
}
