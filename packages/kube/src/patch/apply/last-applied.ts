// SPDX-License-Identifier: Apache-2.0
// kubectl's own annotation in server-side apply: objects that `kubectl apply` once managed on the client's side change
// over without conflicts, and the annotation follows as long as it is there. Only for the manager named "kubectl".
// Semantics: k8s.io/apimachinery pkg/util/managedfields/internal/lastapplied{manager,updater}.go.
import type { AnyObject } from "@serval/api";
import { isMap, nestsAtMost } from "../../schema/json.ts";
import { difference, type FieldSet } from "../field-set.ts";
import { goJson } from "../go-format.ts";
import type { Atom } from "./atom.ts";
import { compareTyped } from "./compare.ts";
import { ownedBy } from "./own.ts";
import { shapeError } from "./validate.ts";

const annotation = "kubectl.kubernetes.io/last-applied-configuration";
/** All annotations of an object together, keys and values. */
const annotationBytes = 256 * 1024;

const annotationsOf = (object: AnyObject): Record<string, string> | undefined => {
  const annotations: unknown = object.metadata?.annotations;
  return isMap(annotations) ? (annotations as Record<string, string>) : undefined;
};

const isWellFormed = (value: unknown, atom: Atom): boolean =>
  shapeError(value, atom, { allowDuplicates: false }) === undefined;

/** Fields that the last client-side apply set and that nobody changed since; undefined where there was none. */
export function lastAppliedFields(live: AnyObject, atom: Atom): FieldSet | undefined {
  const last = parseObject(annotationsOf(live)?.[annotation]);
  if (last === undefined || last["apiVersion"] !== live.apiVersion) return undefined;
  if (!nestsAtMost(last) || !isWellFormed(live, atom) || !isWellFormed(last, atom)) return undefined;
  const { added, modified, removed } = compareTyped(last, live, atom);
  return [modified, added, removed].reduce(difference, ownedBy(last, atom));
}

function parseObject(text: string | undefined): Record<string, unknown> | undefined {
  if (text === undefined || text === "") return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isMap(value) && typeof value["kind"] === "string" && value["kind"] !== "" ? value : undefined;
  } catch {
    return undefined; // somebody wrote something else there: no reason to fail the apply
  }
}

/** The result with the annotation brought up to date, where it has one. */
export function withLastApplied(result: AnyObject, applied: AnyObject): AnyObject {
  const annotations = annotationsOf(result);
  const before = annotations?.[annotation];
  if (annotations === undefined || before === undefined || before === "") return result;
  const next: Record<string, string> = { ...annotations, [annotation]: `${goJson(withoutAnnotation(applied))}\n` };
  const bytes = Object.entries(next).reduce(
    (sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value),
    0,
  );
  if (bytes > annotationBytes) delete next[annotation];
  return { ...result, metadata: { ...result.metadata, annotations: next } };
}

function withoutAnnotation(applied: AnyObject): AnyObject {
  const annotations = annotationsOf(applied);
  if (annotations === undefined) return applied;
  const { [annotation]: _dropped, ...rest } = annotations;
  return { ...applied, metadata: { ...applied.metadata, annotations: rest } };
}
