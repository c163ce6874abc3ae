// SPDX-License-Identifier: Apache-2.0
// What merging needs to know of a schema: per node, which kinds of value it allows and whether its parts have owners of
// their own. Compiled once per schema. Semantics: kube-openapi pkg/schemaconv/openapi.go.
import { resourceProperties } from "../../schema/object-meta.ts";
import type { Schema, TypeSchema } from "../../schema/schema.ts";

export type Scalar = "numeric" | "string" | "boolean" | "untyped";

export interface ListAtom {
  /** Atomic: one owner for the whole list. Associative: each item (by key fields, or by value) has its own. */
  readonly relationship: "atomic" | "associative";
  /** Empty: a set of scalars. */
  readonly keys: readonly string[];
  readonly element: Atom;
}

export interface MapField {
  readonly atom: Atom;
  /** Stands in for an absent list-map key. */
  readonly keyDefault: unknown;
}

export interface MapAtom {
  readonly atomic: boolean;
  readonly fields: ReadonlyMap<string, MapField>;
  /** The type of undeclared fields; undefined: there may be none. */
  readonly element: Atom | undefined;
  /** No declared fields, and values of any kind: such maps keep their owners when a schema changes, as in Kubernetes. */
  readonly freeForm: boolean;
}

/** Several kinds may be allowed at once (a node without a type); a value then decides. */
export interface Atom {
  scalar?: Scalar;
  list?: ListAtom;
  map?: MapAtom;
  /** This atom reduced to one kind; the atom itself where it has only that kind. */
  asScalar?: Atom;
  asList?: Atom;
  asMap?: Atom;
}

function sealed(atom: Atom): Atom {
  const kinds = Number(atom.scalar !== undefined) + Number(atom.list !== undefined) + Number(atom.map !== undefined);
  if (atom.scalar !== undefined) atom.asScalar = kinds === 1 ? atom : sealed({ scalar: atom.scalar });
  if (atom.list !== undefined) atom.asList = kinds === 1 ? atom : sealed({ list: atom.list });
  if (atom.map !== undefined) atom.asMap = kinds === 1 ? atom : sealed({ map: atom.map });
  return atom;
}

const noFields: ReadonlyMap<string, MapField> = new Map();

const untypedAtomic: Atom = { scalar: "untyped" };
Object.assign(untypedAtomic, {
  list: { relationship: "atomic", keys: [], element: untypedAtomic },
  map: { atomic: true, fields: noFields, element: untypedAtomic, freeForm: false },
});
sealed(untypedAtomic);

/** Values without a schema: maps are granular, lists are atomic. */
export const deduced: Atom = { scalar: "untyped", list: { relationship: "atomic", keys: [], element: untypedAtomic } };
Object.assign(deduced, { map: { atomic: false, fields: noFields, element: deduced, freeForm: true } });
sealed(deduced);

/** The atom for a value: reduced to the value's kind if that is allowed, else unchanged (null, absent, a wrong type). */
export function atomFor(atom: Atom, value: unknown): Atom {
  if (value === undefined || value === null) return atom;
  if (Array.isArray(value)) return atom.asList ?? atom;
  if (typeof value === "object") return atom.asMap ?? atom;
  return atom.asScalar ?? atom;
}

interface Compilation {
  readonly definitions: TypeSchema["definitions"];
  readonly named: Map<string, Atom>;
  /** Kubernetes' own kinds; false: a CRD. */
  readonly builtIn: boolean;
}

const compiledTypes = new WeakMap<Schema, Atom>();
const compiledDefinitions = new WeakMap<TypeSchema["definitions"], Map<string, Atom>>();

/** The compiled root of a type. Schemas must not change after their first use. */
export function atomOf(type: TypeSchema): Atom {
  const known = compiledTypes.get(type.root);
  if (known !== undefined) return known;
  let named = compiledDefinitions.get(type.definitions);
  if (named === undefined) {
    named = new Map();
    compiledDefinitions.set(type.definitions, named);
  }
  const builtIn = Object.keys(type.definitions).length > 0;
  const root = builtIn ? type.root : withResourceFields(type.root);
  const atom = atomOfReference(root, false, { definitions: type.definitions, named, builtIn });
  compiledTypes.set(type.root, atom);
  return atom;
}

const withResourceFields = (schema: Schema): Schema => ({
  ...schema,
  properties: { ...schema.properties, ...resourceProperties },
});

function atomOfReference(schema: Schema, preserve: boolean, compilation: Compilation): Atom {
  if (schema.$ref === undefined) return atomOfSchema(schema, preserve, compilation);
  const atom = namedAtom(schema.$ref, compilation);
  const mapType = schema["x-kubernetes-map-type"];
  if (mapType === undefined || atom.map === undefined) return atom;
  return sealed({ ...atom, map: { ...atom.map, atomic: mapType === "atomic" } });
}

function namedAtom(name: string, compilation: Compilation): Atom {
  const known = compilation.named.get(name);
  if (known !== undefined) return known;
  const schema = compilation.definitions[name];
  if (schema === undefined) throw new Error(`Unknown schema "${name}"`);
  const atom: Atom = {};
  compilation.named.set(name, atom); // before its content: definitions may be recursive
  if (name.endsWith(".api.resource.Quantity")) atom.scalar = "untyped";
  else if (name.endsWith(".pkg.runtime.RawExtension")) Object.assign(atom, untypedAtomic);
  else Object.assign(atom, atomOfSchema(schema, false, compilation));
  return sealed(atom);
}

function atomOfSchema(schema: Schema, inherited: boolean, compilation: Compilation): Atom {
  const preserve = inherited || schema["x-kubernetes-preserve-unknown-fields"] === true;
  if (schema.type === undefined || schema["x-kubernetes-int-or-string"] === true) {
    const map = mapAtom(schema, preserve, compilation);
    return sealed({ scalar: "untyped", list: listAtom(schema, preserve, compilation), map });
  }
  if (schema.type === "object") return sealed({ map: mapAtom(schema, preserve, compilation) });
  if (schema.type === "array") return sealed({ list: listAtom(schema, preserve, compilation) });
  return sealed({ scalar: scalarOf(schema) });
}

function scalarOf({ type, format }: Schema): Scalar {
  if (type === "integer" || type === "number") return "numeric";
  if (type === "boolean") return "boolean";
  return format === undefined || format === "" || format === "byte" ? "string" : "untyped";
}

function mapAtom(schema: Schema, preserve: boolean, compilation: Compilation): MapAtom {
  const embedded = !compilation.builtIn && schema["x-kubernetes-embedded-resource"] === true;
  const properties = embedded ? { ...schema.properties, ...resourceProperties } : (schema.properties ?? {});
  const fields = new Map<string, MapField>();
  for (const [name, property] of Object.entries(properties)) {
    const keyDefault = property.default ?? (compilation.builtIn ? zeroValue(schema, name) : undefined);
    fields.set(name, { atom: atomOfReference(property, preserve, compilation), keyDefault });
  }
  const { additionalProperties } = schema;
  let element: Atom | undefined;
  if (typeof additionalProperties === "object") element = atomOfReference(additionalProperties, preserve, compilation);
  else if (additionalProperties === true) element = deduced;
  else if (additionalProperties === undefined && (preserve || fields.size === 0)) element = deduced;
  const isAnyScalar =
    typeof additionalProperties === "object" &&
    additionalProperties.$ref === undefined &&
    element?.scalar === "untyped";
  const freeForm = fields.size === 0 && (element === deduced || isAnyScalar);
  return { atomic: schema["x-kubernetes-map-type"] === "atomic", fields, element, freeForm };
}

/** Kubernetes publishes Go's zero value as the default of each required scalar; the generated file leaves those out. */
function zeroValue(schema: Schema, name: string): unknown {
  if (!schema.required?.includes(name)) return undefined;
  const { type } = schema.properties![name]!;
  return type === "string" ? "" : type === "integer" ? 0 : undefined;
}

function listAtom(schema: Schema, preserve: boolean, compilation: Compilation): ListAtom {
  const element = schema.items === undefined ? untypedAtomic : atomOfReference(schema.items, preserve, compilation);
  const listType = schema["x-kubernetes-list-type"];
  if (listType === "map") {
    return { relationship: "associative", keys: schema["x-kubernetes-list-map-keys"] ?? [], element };
  }
  if (listType === "set") return { relationship: "associative", keys: [], element };
  const strategy = schema["x-kubernetes-patch-strategy"];
  if (listType === undefined && (strategy === "merge" || strategy === "merge,retainKeys")) {
    const key = schema["x-kubernetes-patch-merge-key"];
    return { relationship: "associative", keys: key === undefined ? [] : [key], element };
  }
  return { relationship: "atomic", keys: [], element };
}
