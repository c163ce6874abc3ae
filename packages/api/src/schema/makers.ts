// SPDX-License-Identifier: Apache-2.0
// The TypeBox values that a CRD accepts. TypeBox's own Enum, Literal and Record emit `anyOf`, `const` and
// `patternProperties`, which a structural schema refuses; these emit `enum` and `additionalProperties` instead.
import { type Static, type TObject, type TProperties, type TSchema, type TUnsafe, Type } from "typebox";

/** What a schema may carry besides its type: JSON Schema keywords and Kubernetes' extensions. */
export type Keywords = Readonly<Record<string, unknown>>;

/** An absent property and one set to undefined are the same thing. */
export const optional = <S extends TSchema>(schema: S) => Type.Optional(Type.Unsafe<Static<S> | undefined>(schema));

export const object = <P extends TProperties>(properties: P, keywords: Keywords = {}): TObject<P> =>
  Type.Object(properties, keywords);

export const text = (keywords: Keywords = {}) => Type.String(keywords);
export const boolean = (keywords: Keywords = {}) => Type.Boolean(keywords);
export const integer = (keywords: Keywords = {}) => Type.Integer(keywords);
export const int32 = (keywords: Keywords = {}) => Type.Integer({ format: "int32", ...keywords });
export const int64 = (keywords: Keywords = {}) => Type.Integer({ format: "int64", ...keywords });

export const oneOf = <const V extends readonly string[]>(values: V, keywords: Keywords = {}): TUnsafe<V[number]> =>
  Type.Unsafe<V[number]>({ type: "string", enum: [...values], ...keywords });

export const list = <S extends TSchema>(items: S, keywords: Keywords = {}): TUnsafe<Static<S>[]> =>
  Type.Unsafe<Static<S>[]>({ type: "array", items, ...keywords });

export const map = <S extends TSchema>(values: S): TUnsafe<Record<string, Static<S>>> =>
  Type.Unsafe<Record<string, Static<S>>>({ type: "object", additionalProperties: values });

export const textMap = (): TUnsafe<Record<string, string>> => map(Type.String());

/** Kubernetes' own grammar of quantities, as its generator writes it into CRDs. */
export const quantityPattern =
  "^(\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))))?$";

const intOrStringKeywords = {
  anyOf: [{ type: "integer" }, { type: "string" }],
  "x-kubernetes-int-or-string": true,
} as const;

/** `100m`, `2Gi`, `1`. */
export const quantity = (): TUnsafe<string | number> =>
  Type.Unsafe<string | number>({ ...intOrStringKeywords, pattern: quantityPattern });

export const intOrString = (): TUnsafe<string | number> => Type.Unsafe<string | number>({ ...intOrStringKeywords });

/** Where an emitter puts one of Kubernetes' own definitions: the name without `#/definitions/`. */
export const coreKeyword = "x-serval-core";
/** Which definitions an emitter merges into the object, own properties winning. */
export const inlineKeyword = "x-serval-inline";

/** One of Kubernetes' own types by its name in `kubernetes-schemas.gen.json`; the caller names the TypeScript type. */
export const core = <T>(name: string): TUnsafe<T> => Type.Unsafe<T>({ [coreKeyword]: name });

export interface Inline {
  readonly name: string;
  /** Dotted paths (`[]`: a list's items) of properties that are not required here. */
  readonly loosen?: readonly string[];
  readonly omit?: readonly string[];
  /** Lists whose Kubernetes list type is not declared here, as in KServe's CRDs. */
  readonly plainLists?: readonly string[];
}

/** Go's struct embedding: `own` plus every field of a Kubernetes type, `Core` at compile time. */
export const inline = <Core, P extends TProperties>(
  own: TObject<P>,
  definition: Inline,
): TUnsafe<Static<TObject<P>> & Core> =>
  Type.Unsafe<Static<TObject<P>> & Core>({ ...own, [inlineKeyword]: definition });
