// SPDX-License-Identifier: Apache-2.0
// Random values for a schema, from small pools, so that independent values overlap, agree and conflict often.
import { type JsonMap, setKey } from "@serval/kube/schema/json.ts";
import { resolveSchema, type Schema, type TypeSchema } from "@serval/kube/schema/schema.ts";
import type { Random } from "./random.ts";

export interface ValueOptions {
  readonly type: TypeSchema;
  /** How often a value has the wrong type. */
  readonly wrong: number;
  /** How often a map has a field that its schema does not know. */
  readonly unknown: number;
  /** How often a value is null. */
  readonly nulls: number;
  /** How often a list with keys holds one of them twice. */
  readonly duplicates: number;
}

const strings = ["a", "b", "c", "a.b/c", "x<y&z", "ü\u2028"];
const formatted: Record<string, readonly string[]> = {
  "date-time": ["2020-01-01T00:00:00Z", "2020-01-01T00:00:00.5+01:00", "2020-13-01T00:00:00Z", "a"],
  date: ["2020-02-29", "2021-02-29", "a"],
  byte: ["YQ==", "a", ""],
  ipv4: ["127.0.0.1", "256.1.1.1", "::1"],
  ipv6: ["::1", "127.0.0.1"],
  cidr: ["10.0.0.0/8", "10.0.0.0/33", "10.0.0.0"],
  uuid: ["123e4567-e89b-12d3-a456-426614174000", "123"],
  hostname: ["localhost", "a.b.example", "-a", "a_b"],
  uri: ["http://a.b/c", "/a", "a b"],
  email: ["a@b.c", "a"],
  duration: ["1h", "22 ns", "1d", "a"],
};

/** Fields of Kubernetes' own kinds that are worth having in almost every object. */
const favourites = new Set(
  [
    "metadata spec template containers env ports volumes labels finalizers ownerReferences strategy replicas selector",
    "name value image args volumeMounts data initContainers tolerations imagePullSecrets hostAliases conditions status",
    "key protocol containerPort port mountPath rollingUpdate resources limits topologySpreadConstraints matchLabels uid",
    "type maxSurge ip hostnames nodeSelector annotations secrets addresses emptyDir configMap items",
  ].flatMap((line) => line.split(" ")),
);

export class Values {
  readonly #random: Random;
  readonly #options: ValueOptions;

  constructor(random: Random, options: ValueOptions) {
    this.#random = random;
    this.#options = options;
  }

  any(depth = 0): unknown {
    const kind = this.#random.int(depth > 2 ? 4 : 6);
    if (kind === 0) return this.#random.pick(strings);
    if (kind === 1) return this.#random.pick([0, 1, 2, 1.5]);
    if (kind === 2) return this.#random.chance(0.5);
    if (kind === 3) return this.#random.chance(0.2) ? null : "a";
    if (kind === 4) return Array.from({ length: this.#random.int(3) }, () => this.any(depth + 1));
    return Object.fromEntries(
      Array.from({ length: this.#random.int(3) }, () => [this.#random.pick(strings), this.any(depth + 1)]),
    );
  }

  of(given: Schema, depth = 0): unknown {
    const schema = resolveSchema(this.#options.type, given);
    if (depth > 0 && this.#random.chance(this.#options.wrong)) return this.any(1);
    if (depth > 1 && this.#random.chance(this.#options.nulls)) return null;
    if (given.$ref?.endsWith(".Quantity")) return this.#random.pick(["1", "500m", "1Gi"]);
    if (schema["x-kubernetes-int-or-string"] === true || schema.format === "int-or-string")
      return this.#random.pick([1, 2, "50%"]);
    if (schema.enum !== undefined) return this.#random.chance(0.9) ? this.#random.pick(schema.enum) : "other";
    switch (schema.type) {
      case "object":
        return this.#map(schema, depth);
      case "array":
        return this.#list(schema, depth);
      case "string":
        return this.#random.pick(formatted[schema.format ?? ""] ?? strings);
      case "integer":
        return this.#random.int(4);
      case "number":
        return this.#random.pick([0, 1, 1.5, 2.25]);
      case "boolean":
        return this.#random.chance(0.5);
      default:
        return this.any(1);
    }
  }

  #map(schema: Schema, depth: number): JsonMap {
    const out: JsonMap = {};
    const builtIn = Object.keys(this.#options.type.definitions).length > 0;
    const properties = Object.entries(schema.properties ?? {});
    for (const [name, property] of this.#random.shuffled(properties)) {
      if (depth === 0 && (name === "apiVersion" || name === "kind" || name === "metadata")) continue;
      const wanted = !builtIn || properties.length < 5 ? 0.6 : favourites.has(name) ? 0.65 : 0.02;
      if (depth < 12 && this.#random.chance(wanted)) setKey(out, name, this.of(property, depth + 1));
    }
    if (typeof schema.additionalProperties === "object") {
      for (let i = this.#random.int(4); i > 0; i--)
        setKey(out, this.#key(), this.of(schema.additionalProperties, depth + 1));
    }
    const isFree = schema["x-kubernetes-preserve-unknown-fields"] === true || schema.additionalProperties === true;
    if (this.#random.chance(isFree ? 0.7 : this.#options.unknown)) setKey(out, this.#key(), this.any());
    return out;
  }

  #key(): string {
    return this.#random.chance(0.03)
      ? this.#random.pick(["__proto__", "constructor", "toString"])
      : this.#random.pick(strings);
  }

  #list(schema: Schema, depth: number): unknown[] {
    const items = Array.from({ length: this.#random.int(4) }, () => this.of(schema.items ?? {}, depth + 1));
    const keys = schema["x-kubernetes-list-map-keys"];
    const isKeyed = schema["x-kubernetes-list-type"] === "set" || keys !== undefined;
    if (!isKeyed || this.#random.chance(this.#options.duplicates)) return items;
    const definition = schema.items === undefined ? {} : resolveSchema(this.#options.type, schema.items);
    const seen = new Set<string>();
    const unique: unknown[] = [];
    for (const item of items) {
      const keyed = keys === undefined ? item : this.#withKeys(item, keys, definition);
      const identity = JSON.stringify(
        keys === undefined
          ? keyed
          : keys.map((key) => (keyed as JsonMap)?.[key] ?? definition.properties?.[key]?.default),
      );
      if (seen.has(identity)) continue;
      seen.add(identity);
      unique.push(keyed);
    }
    return unique;
  }

  /** List-map items need their keys; those with a default may leave them out. */
  #withKeys(item: unknown, keys: readonly string[], definition: Schema): unknown {
    if (typeof item !== "object" || item === null || Array.isArray(item)) return item;
    const out = item as JsonMap;
    for (const key of keys) {
      const property = definition.properties?.[key];
      if (property === undefined || (Object.hasOwn(out, key) && out[key] !== null) || property.default !== undefined)
        continue;
      if (this.#random.chance(0.98))
        out[key] = property.type === "integer" ? this.#random.int(3) : this.#random.pick(["a", "b", "c"]);
    }
    return out;
  }
}
