// SPDX-License-Identifier: Apache-2.0
// What every Kubernetes object has, and how a kind is named in the API.
import type { ObjectMeta } from "./kubernetes.gen.ts";

/** Any Kubernetes object. Typed kinds extend it structurally. */
export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
}

/** An object of a kind unknown at compile time: every further field may be read as unknown. */
export type AnyObject = KubeObject & { [field: string]: unknown };

/** `namespace` is absent for cluster-scoped kinds. */
export interface Key {
  namespace?: string | undefined;
  name: string;
}

/**
 * Where a kind lives in the API. `T` is the type of its objects; it exists at compile time only.
 *
 * @see https://kubernetes.io/docs/reference/using-api/api-concepts/
 */
export interface ResourceType<T extends KubeObject = KubeObject> {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  /** Lower-case plural, the path segment. */
  readonly plural: string;
  readonly namespaced: boolean;
  /** Never set; carries `T`. */
  readonly object?: T | undefined;
}

/** `group/version`, or `version` for the core group: the value of `apiVersion`. */
export const apiVersionOf = ({ group, version }: Pick<ResourceType, "group" | "version">): string =>
  group === "" ? version : `${group}/${version}`;

/** `namespace/name`, or `name` for cluster-scoped objects. */
export const keyText = ({ namespace, name }: Key): string => (namespace === undefined ? name : `${namespace}/${name}`);

export const keyOf = ({ metadata: { namespace, name } }: KubeObject): Key =>
  namespace === undefined ? { name } : { namespace, name };

/** The API path of a collection (`key.name` undefined) or of one object. */
export function resourcePath(
  type: ResourceType,
  key: { namespace?: string | undefined; name?: string | undefined },
): string {
  const root = type.group === "" ? `/api/${type.version}` : `/apis/${type.group}/${type.version}`;
  const scope =
    type.namespaced && key.namespace !== undefined ? `/namespaces/${encodeURIComponent(key.namespace)}` : "";
  return `${root}${scope}/${type.plural}${key.name === undefined ? "" : `/${encodeURIComponent(key.name)}`}`;
}
