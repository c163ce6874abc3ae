// SPDX-License-Identifier: Apache-2.0
// Whether a stored object still says what we want, decided from the cache: an apply that changes nothing is a call
// saved. Pure.
import { type KubeObject, quantityValue } from "@serval/api";

type Json = unknown;
const isMap = (value: Json): value is Record<string, Json> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Maps whose values are quantities, and fields that are one: the API server rewrites `1000m` to `1`. */
const quantityMaps: ReadonlySet<string> = new Set(["limits", "requests", "overhead"]);
const quantityFields: ReadonlySet<string> = new Set(["sizeLimit", "averageValue", "divisor"]);

function sameQuantity(wanted: Json, stored: Json): boolean {
  if (typeof wanted === "object" || typeof stored === "object") return false;
  return quantityValue(wanted as string) === quantityValue(stored as string);
}

/** Every part of `wanted` is in `stored`; `stored` may hold more (defaults, fields of others). */
function contains(stored: Json, wanted: Json, isQuantity = false): boolean {
  if (wanted === undefined || wanted === null) return true;
  if (isMap(wanted)) {
    // Kubernetes drops empty maps of some fields; they say nothing.
    if (!isMap(stored)) return stored === undefined && Object.keys(wanted).length === 0;
    return Object.entries(wanted).every(([name, value]) =>
      quantityMaps.has(name) && isMap(value)
        ? Object.entries(value).every(([resource, amount]) =>
            contains(isMap(stored[name]) ? stored[name][resource] : undefined, amount, true),
          )
        : contains(stored[name], value, quantityFields.has(name)),
    );
  }
  if (Array.isArray(wanted)) {
    if (!Array.isArray(stored)) return stored === undefined && wanted.length === 0;
    return containsList(stored, wanted);
  }
  return stored === wanted || (isQuantity && sameQuantity(wanted, stored));
}

const nameOf = (item: Json): Json => (isMap(item) ? item["name"] : undefined);

/** Position by position; where others added items, by name. */
function containsList(stored: readonly Json[], wanted: readonly Json[]): boolean {
  if (stored.length === wanted.length) return wanted.every((item, index) => contains(stored[index], item));
  if (stored.length < wanted.length || wanted.some((item) => nameOf(item) === undefined)) return false;
  return wanted.every((item) =>
    contains(
      stored.find((other) => nameOf(other) === nameOf(item)),
      item,
    ),
  );
}

/** An item of a keyed list, by the `k:{…}` of a field set. */
function itemOf(list: Json, key: string): Json {
  const wanted = JSON.parse(key.slice(2)) as Record<string, Json>;
  if (!Array.isArray(list)) return undefined;
  return list.find((item) =>
    Object.entries(wanted).every(([field, value]) => {
      const own = isMap(item) ? item[field] : undefined;
      // A port's protocol may be left to its default.
      return own === value || (field === "protocol" && own === undefined && value === "TCP");
    }),
  );
}

/** Whether `fields` (fieldsV1) names something that `wanted` does not say: a field that we own and want to give up. */
function ownsMore(fields: Json, wanted: Json): boolean {
  if (!isMap(fields)) return false;
  return Object.entries(fields).some(([key, below]) => {
    if (key === ".") return false;
    if (key.startsWith("f:")) {
      const value = isMap(wanted) ? wanted[key.slice(2)] : undefined;
      return value === undefined || value === null || ownsMore(below, value);
    }
    if (key.startsWith("k:")) {
      const item = itemOf(wanted, key);
      return item === undefined || ownsMore(below, item);
    }
    return false;
  });
}

/** Fields of `wanted` that `stored` does not say, for a reader: as deep as maps go. */
export function differingFields(wanted: Json, stored: Json, path = ""): string[] {
  if (contains(stored, wanted)) return [];
  if (!isMap(wanted) || !isMap(stored)) return [path];
  return Object.entries(wanted).flatMap(([name, value]) =>
    differingFields(value, stored[name], path === "" ? name : `${path}.${name}`),
  );
}

const ownEntry = ({ metadata }: KubeObject, manager: string) =>
  metadata.managedFields?.find(
    (field) => field.manager === manager && field.operation === "Apply" && (field.subresource ?? "") === "",
  );

/** Whether `stored` says what `wanted` says, and nothing that we said once and no longer do. `manager`: what we apply as. */
export function matches(wanted: KubeObject, stored: KubeObject, manager: string): boolean {
  if (!contains(stored, wanted)) return false;
  const entry = ownEntry(stored, manager);
  return entry === undefined || !ownsMore(entry.fieldsV1, wanted);
}

export const needsApply = (wanted: KubeObject, stored: KubeObject | undefined, manager: string): boolean =>
  // Not applied by us yet (made by another controller): take it over.
  stored === undefined || ownEntry(stored, manager) === undefined || !matches(wanted, stored, manager);
