// SPDX-License-Identifier: Apache-2.0
// The TypeBox values that a CRD accepts. TypeBox's own Enum, Literal and Record emit `anyOf`, `const` and
// `patternProperties`, which a structural schema refuses; these emit `enum` and `additionalProperties` instead.
// The values are made here and only the types come from TypeBox: loading its 300 files takes longer than `serval --help`
// may (a test holds these values against TypeBox's own).
import type { Static, TBoolean, TInteger, TObject, TOptional, TProperties, TSchema, TString, TUnsafe } from "typebox";

/** What a schema may carry besides its type: JSON Schema keywords and Kubernetes' extensions. */
export type Keywords = Readonly<Record<string, unknown>>;

const unsafe = <T>(schema: object): TUnsafe<T> => ({ ...schema }) as unknown as TUnsafe<T>;
const optionalMark = "~optional";

/** An absent property and one set to undefined are the same thing. */
export const optional = <S extends TSchema>(schema: S): TOptional<TUnsafe<Static<S> | undefined>> =>
  Object.defineProperty({ ...schema }, optionalMark, { value: true }) as unknown as TOptional<
    TUnsafe<Static<S> | undefined>
  >;

export function object<P extends TProperties>(properties: P, keywords: Keywords = {}): TObject<P> {
  const required = Object.keys(properties).filter((name) => !(optionalMark in (properties[name] as object)));
  return {
    type: "object",
    ...(required.length === 0 ? {} : { required }),
    properties,
    ...keywords,
  } as unknown as TObject<P>;
}

export const text = (keywords: Keywords = {}) => ({ type: "string", ...keywords }) as unknown as TString;
export const boolean = (keywords: Keywords = {}) => ({ type: "boolean", ...keywords }) as unknown as TBoolean;
export const integer = (keywords: Keywords = {}) => ({ type: "integer", ...keywords }) as unknown as TInteger;
export const int32 = (keywords: Keywords = {}) => integer({ format: "int32", ...keywords });
export const int64 = (keywords: Keywords = {}) => integer({ format: "int64", ...keywords });

export const oneOf = <const V extends readonly string[]>(values: V, keywords: Keywords = {}): TUnsafe<V[number]> =>
  unsafe<V[number]>({ type: "string", enum: [...values], ...keywords });

export const list = <S extends TSchema>(items: S, keywords: Keywords = {}): TUnsafe<Static<S>[]> =>
  unsafe<Static<S>[]>({ type: "array", items, ...keywords });

export const map = <S extends TSchema>(values: S, keywords: Keywords = {}): TUnsafe<Record<string, Static<S>>> =>
  unsafe<Record<string, Static<S>>>({ type: "object", additionalProperties: values, ...keywords });

export const textMap = (): TUnsafe<Record<string, string>> => map(text());

/** Kubernetes' own grammar of quantities, as its generator writes it into CRDs. */
export const quantityPattern =
  "^(\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))))?$";

const intOrStringKeywords = {
  anyOf: [{ type: "integer" }, { type: "string" }],
  "x-kubernetes-int-or-string": true,
} as const;

/** `100m`, `2Gi`, `1`. */
export const quantity = (): TUnsafe<string | number> =>
  unsafe<string | number>({ ...intOrStringKeywords, pattern: quantityPattern });

export const intOrString = (keywords: Keywords = {}): TUnsafe<string | number> =>
  unsafe<string | number>({ ...intOrStringKeywords, ...keywords });

/** Where an emitter puts one of Kubernetes' own definitions: the name without `#/definitions/`. */
export const coreKeyword = "x-serval-core";
/** Which definitions an emitter merges into the object, own properties winning. */
export const inlineKeyword = "x-serval-inline";

/** One of Kubernetes' own types by its name in `kubernetes-schemas.gen.json`; the caller names the TypeScript type. */
export const core = <T>(name: string): TUnsafe<T> => unsafe<T>({ [coreKeyword]: name });

/** Any JSON. */
export const anyJson = <T = unknown>(keywords: Keywords = {}): TUnsafe<T> =>
  unsafe<T>({ "x-kubernetes-preserve-unknown-fields": true, ...keywords });

/** Any JSON object. */
export const anyObject = (): TUnsafe<Record<string, unknown>> =>
  unsafe<Record<string, unknown>>({ type: "object", "x-kubernetes-preserve-unknown-fields": true });

export const relaxed = <S extends TSchema>(schema: S): S => ({ ...schema, [relaxedKeyword]: true }) as S;

/** On a node that is emitted without another project's checks: what a user writes in parts is checked once it is whole. */
export const relaxedKeyword = "x-serval-relaxed";
/** A node's {@link ObjectRule}s. */
export const rulesKeyword = "x-serval-rules";

/** One rule over several fields: CEL for a real cluster, the same as a function for the embedded home. */
export interface ObjectRule {
  /** Common Expression Language; `self` is the node. */
  readonly cel: string;
  readonly message: string;
  /** Evaluates `cel`. Absent `old`: the object is new, so a rule over both (a transition rule) does not apply. */
  readonly holds: (self: never, old: never) => boolean;
  /** The rule compares with the previous value. */
  readonly isTransition?: boolean;
}

/** The schema with rules that a CRD carries as `x-kubernetes-validations`. Give it a required node; mark it afterwards. */
export const withRules = <S extends TSchema>(schema: S, rules: readonly ObjectRule[]): S =>
  ({ ...schema, [rulesKeyword]: rules }) as S;

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
): TUnsafe<Static<TObject<P>> & Core> => unsafe<Static<TObject<P>> & Core>({ ...own, [inlineKeyword]: definition });
