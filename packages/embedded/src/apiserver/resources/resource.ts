// SPDX-License-Identifier: Apache-2.0
// Everything the API server knows about one served resource, as data: built-in kinds and custom ones look the same.
import type { AnyObject, ResourceType } from "@serval/api";
import type { FieldError } from "@serval/kube/patch/contract";
import type { TypeSchema } from "@serval/kube/schema/schema";
import type { FieldReaders } from "../selector.ts";
import type { Column } from "../table/column.ts";

/** What a kind adds to the general rules. `defaults` and the `prepare` functions may change the object they are given. */
export interface KindRules {
  /** Fills absent fields, as Kubernetes does on every write. */
  readonly defaults?: (object: AnyObject) => void;
  /** Sets what only the server sets. Runs before defaults. */
  readonly prepareCreate?: (object: AnyObject) => void;
  /** What Kubernetes' own admission plugins write on create; not tracked as anybody's fields. */
  readonly admitCreate?: (object: AnyObject) => void;
  readonly prepareUpdate?: (next: AnyObject, old: AnyObject) => void;
  readonly validate?: (next: AnyObject, old?: AnyObject) => FieldError[];
  /** What the CEL rules of a custom kind find; asked beside the schema, before `validate`. */
  readonly schemaRules?: (next: AnyObject, old?: AnyObject) => FieldError[];
  readonly validateName?: (name: string) => string | undefined;
  /** The status of a new object; absent: the status field is dropped. */
  readonly initialStatus?: () => unknown;
}

/** Dotted paths, with a leading dot, of a scale subresource. */
export interface ScalePaths {
  readonly specReplicasPath: string;
  readonly statusReplicasPath: string;
  readonly labelSelectorPath?: string | undefined;
}

/** One storage seen through another version of its schema. */
export interface View {
  fromStored(object: AnyObject): AnyObject;
  toStored(object: AnyObject): AnyObject;
}

export interface Resource {
  readonly type: ResourceType;
  readonly singular: string;
  readonly listKind: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  /** Keys of its objects in the store begin so; ends with "/". */
  readonly prefix: string;
  readonly schema: TypeSchema;
  /** Name in the generated definitions; absent for custom kinds. */
  readonly definition?: string;
  /** An empty object of the kind as Go writes it; managedFields of a create are the difference from it. */
  readonly zero?: AnyObject;
  readonly custom: boolean;
  /** false: only get, list and watch are served. */
  readonly writable: boolean;
  readonly subresources: readonly string[];
  readonly scale?: ScalePaths;
  /** Whether `metadata.generation` counts changes of the specification. */
  readonly generation: boolean;
  readonly fields: FieldReaders;
  readonly columns: readonly Column[];
  readonly rules: KindRules;
  readonly view?: View;
}

/** `{ namespace }` absent for cluster-scoped resources. */
export const storeKey = (resource: Resource, namespace: string | undefined, name: string): string =>
  resource.type.namespaced ? `${resource.prefix}${namespace}/${name}` : `${resource.prefix}${name}`;

export const hasStatus = (resource: Resource): boolean => resource.subresources.includes("status");
