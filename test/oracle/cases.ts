// SPDX-License-Identifier: Apache-2.0
// Random cases. Case N of a seed depends on nothing but the seed and N's group, so that a difference can be looked at alone.
import type { JsonMap } from "@serval/kube/schema/json.ts";
import type { Schema, TypeSchema } from "@serval/kube/schema/schema.ts";
import { DirectivePatches } from "./directives.ts";
import { JsonPatches } from "./json-patches.ts";
import { createRandom, type Random } from "./random.ts";
import { builtIns, crdOf, crdType, group, kind, Schemas, versions } from "./schemas.ts";
import { Values } from "./values.ts";

export interface Step {
  readonly op: "apply" | "update";
  readonly manager: string;
  readonly force?: boolean;
  readonly subresource?: string;
  readonly version: string;
  readonly object?: unknown;
  readonly merge?: unknown;
}

/** What both sides answer. `schema` names an earlier `crd` request, or "built-in". */
export type Request =
  | { kind: "crd"; schema: string; crd: unknown; root: Schema }
  | { kind: "strategic"; type: string; original: JsonMap; patch: JsonMap }
  | { kind: "json-patch" | "merge-patch"; original: unknown; patch: unknown }
  | { kind: "prune" | "default" | "validate"; schema: string; object: unknown }
  | ApplyRequest;

export interface ApplyRequest {
  readonly kind: "apply";
  readonly schema: string;
  /** The definition's name, for Kubernetes' own kinds. */
  readonly type?: string;
  readonly group: string;
  readonly kindName: string;
  readonly versions: readonly string[];
  readonly reset: readonly (readonly string[])[];
  readonly steps: readonly Step[];
}

/** Cases that share a schema. */
const groupSize = 20;

/** Requests for `count` cases; each group of cases follows the `crd` request that it needs. */
export function* requests(seed: number, count: number, definitions: TypeSchema["definitions"]): Generator<Request> {
  for (let start = 0; start < count; start += groupSize) {
    const maker = new CaseMaker(createRandom(Math.imul(seed, 1_000_003) + start), definitions, `crd-${start}`);
    yield maker.crd();
    // As JSON has them: no undefined fields, `__proto__` as an ordinary key.
    for (let i = start; i < Math.min(start + groupSize, count); i++)
      yield frozen(JSON.parse(JSON.stringify(maker.next(i))));
  }
}

class CaseMaker {
  readonly #random: Random;
  readonly #definitions: TypeSchema["definitions"];
  readonly #schema: string;
  readonly #root: Schema;

  constructor(random: Random, definitions: TypeSchema["definitions"], schema: string) {
    this.#random = random;
    this.#definitions = definitions;
    this.#schema = schema;
    this.#root = new Schemas(random).root();
  }

  crd(): Request {
    return { kind: "crd", schema: this.#schema, crd: crdOf(this.#root), root: frozen(this.#root) };
  }

  next(index: number): Request {
    const slot = index % groupSize;
    if (slot < 4) return this.#crdApply();
    if (slot < 8) return this.#builtInApply();
    if (slot < 12) return this.#strategic();
    if (slot === 12) return new JsonPatches(this.#random).next();
    const what = slot < 15 ? "prune" : slot < 17 ? "default" : "validate";
    const noise = { wrong: what === "validate" ? 0.05 : 0.02, unknown: 0.2, nulls: 0.08, duplicates: 0.2 };
    const values = new Values(this.#random, { type: crdType(this.#root), ...noise });
    const object = { ...(values.of(this.#root) as JsonMap), ...identity(`${group}/v1`, kind), metadata: { name: "x" } };
    return { kind: what, schema: this.#schema, object };
  }

  #strategic(): Request {
    const { name, group: apiGroup, version, kind: kindName } = this.#random.pick(builtIns);
    const type = { root: this.#definitions[name]!, definitions: this.#definitions };
    const quiet = { type, wrong: 0.005, unknown: 0, nulls: 0, duplicates: 0 };
    const values = new Values(this.#random, quiet);
    const head = identity(apiGroup === "" ? version : `${apiGroup}/${version}`, kindName);
    const meta = this.#definitions["io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"]!;
    const original = { ...head, ...(values.of(type.root) as JsonMap), metadata: values.of(meta, 1) } as JsonMap;
    const patch = new DirectivePatches(this.#random, type).patchFor(original, values, meta);
    return { kind: "strategic", type: name, original, patch };
  }

  #crdApply(): Request {
    const steps = this.#steps({ type: crdType(this.#root), versions, apiGroup: group, kindName: kind });
    return { kind: "apply", schema: this.#schema, group, kindName: kind, versions, reset: this.#reset(), steps };
  }

  #builtInApply(): Request {
    const { name, group: apiGroup, version, kind: kindName } = this.#random.pick(builtIns);
    const type = { root: this.#definitions[name]!, definitions: this.#definitions };
    const steps = this.#steps({ type, versions: [version], apiGroup, kindName });
    const common = { group: apiGroup, kindName, versions: [version], reset: this.#reset(), steps };
    return { kind: "apply", schema: "built-in", type: name, ...common };
  }

  #reset(): string[][] {
    return this.#random.chance(0.3) ? [["status"]] : [];
  }

  #steps(target: Target): Step[] {
    const maker = new StepMaker(this.#random, target, this.#definitions);
    if (this.#random.chance(0.03)) return Array.from({ length: 14 }, (_, index) => maker.update(`updater-${index}`));
    return Array.from({ length: 2 + this.#random.int(5) }, () => maker.next());
  }
}

interface Target {
  readonly type: TypeSchema;
  readonly versions: readonly string[];
  readonly apiGroup: string;
  readonly kindName: string;
}

/** Nothing may change its arguments: whoever tries, throws. */
export function frozen<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  for (const field of Object.values(value)) frozen(field);
  return Object.freeze(value);
}

/** A field set that takes every map apart and owns lists by index. */
function everyField(value: unknown): JsonMap {
  if (Array.isArray(value)) return Object.fromEntries(value.map((item, index) => [`i:${index}`, everyField(item)]));
  if (typeof value !== "object" || value === null) return {};
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [`f:${key}`, everyField(field)]));
}

const identity = (apiVersion: string, kindName: string): JsonMap => ({ apiVersion, kind: kindName });
const managers = ["kubectl", "m1", "m2", "kubectl-edit", ""];
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration";

class StepMaker {
  readonly #random: Random;
  readonly #target: Target;
  readonly #values: Values;
  readonly #meta: Schema;

  constructor(random: Random, target: Target, definitions: TypeSchema["definitions"]) {
    this.#random = random;
    this.#target = target;
    this.#values = new Values(random, {
      type: target.type,
      wrong: 0.002,
      unknown: 0.005,
      nulls: 0.02,
      duplicates: 0.01,
    });
    this.#meta = definitions["io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"]!;
  }

  next(): Step {
    if (this.#random.chance(0.25)) return this.update(this.#random.pick(managers));
    if (this.#random.chance(0.1)) return this.#clientSideApply();
    const version = this.#version();
    const object = this.#object(version);
    if (this.#random.chance(0.01)) (object["metadata"] as JsonMap)["managedFields"] = [];
    const manager = this.#random.pick(managers);
    const step: Step = { op: "apply", manager, force: this.#random.chance(0.4), version, object };
    return this.#random.chance(0.1) ? { ...step, subresource: "status" } : step;
  }

  update(manager: string): Step {
    const noisy = new Values(this.#random, {
      type: this.#target.type,
      wrong: 0.002,
      unknown: 0.01,
      nulls: 0.15,
      duplicates: 0.2,
    });
    const merge = noisy.of(this.#target.type.root) as JsonMap;
    if (this.#random.chance(0.3)) merge["metadata"] = this.#metadata();
    if (this.#random.chance(0.03)) merge["metadata"] = { managedFields: this.#random.pick<unknown>([[], [{}], null]) };
    if (this.#random.chance(0.05)) merge["metadata"] = { managedFields: this.#foreignEntries() };
    const step: Step = { op: "update", manager, version: this.#version(), merge };
    return this.#random.chance(0.1) ? { ...step, subresource: "status" } : step;
  }

  /** Entries that no server wrote for this schema: another version, single fields of what is atomic, odd spellings. */
  #foreignEntries(): unknown[] {
    const { apiGroup, type, versions: served } = this.#target;
    return Array.from({ length: 1 + this.#random.int(2) }, (_, index) => ({
      manager: `foreign-${index}`,
      operation: this.#random.pick(["Apply", "Update"]),
      apiVersion: `${apiGroup === "" ? "" : `${apiGroup}/`}${this.#random.pick([...served, ...served, "v0"])}`,
      fieldsType: this.#random.chance(0.95) ? "FieldsV1" : "FieldsV9",
      fieldsV1: everyField(this.#values.of(type.root)),
    }));
  }

  #version(): string {
    return this.#random.chance(0.85) ? this.#target.versions[0]! : this.#random.pick(this.#target.versions);
  }

  #object(version: string): JsonMap {
    const { apiGroup, kindName, type } = this.#target;
    const head = identity(apiGroup === "" ? version : `${apiGroup}/${version}`, kindName);
    return {
      ...head,
      ...(this.#values.of(type.root) as JsonMap),
      metadata: { name: "x", namespace: "default", ...this.#metadata() },
    };
  }

  /** Labels, annotations, finalizers and owners: the parts of metadata that clients write. */
  #metadata(): JsonMap {
    const { labels, annotations, finalizers, ownerReferences } = this.#meta.properties!;
    const wanted = Object.entries({ labels, annotations, finalizers, ownerReferences }).filter(() =>
      this.#random.chance(0.3),
    );
    const values = new Values(this.#random, { type: this.#target.type, wrong: 0, unknown: 0, nulls: 0, duplicates: 0 });
    return Object.fromEntries(
      wanted.map(([key, schema]) => [key, key === "ownerReferences" ? this.#owners() : values.of(schema!, 1)]),
    );
  }

  #owners(): unknown[] {
    const uids = this.#random.shuffled(["u1", "u2", "u3"]).slice(0, this.#random.int(3));
    return uids.map((uid) => ({ apiVersion: "v1", kind: "ConfigMap", name: this.#random.pick(["a", "b"]), uid }));
  }

  /** What `kubectl apply` without --server-side sends: the object with its own text in an annotation. */
  #clientSideApply(): Step {
    const version = this.#target.versions[0]!;
    const object = this.#object(version);
    const annotations = { [lastApplied]: JSON.stringify(object) };
    const merge = { ...object, metadata: { ...(object["metadata"] as JsonMap), annotations } };
    return { op: "update", manager: "kubectl-client-side-apply", version, merge };
  }
}
