// SPDX-License-Identifier: Apache-2.0
// Conflicts of server-side apply as kube-apiserver words them.
// Semantics and texts: k8s.io/apimachinery pkg/util/managedfields/internal/conflict.go.
import type { StatusCause } from "@serval/api";
import { type FieldPath, type FieldSet, isEmptySet, pathsOf } from "../field-set.ts";
import { compareText, goQuote } from "../go-format.ts";
import { elementText } from "../path-element.ts";
import type { Manager, Managers } from "./managers.ts";
import type { Conflicts } from "./updater.ts";

const pathText = (path: FieldPath): string => path.map(elementText).join("");

function managerText({ name, operation, apiVersion, subresource }: Manager): string {
  const where = subresource === undefined || subresource === "" ? "" : ` with subresource ${goQuote(subresource)}`;
  return `${goQuote(name)}${where}${operation === "Update" ? ` using ${apiVersion}` : ""}`;
}

/** One cause per field and manager, managers in the order of managedFields. */
export function conflictCauses(conflicts: Conflicts, managers: Managers): StatusCause[] {
  return [...conflicts].flatMap(([id, set]) =>
    [...pathsOf(set)].map((path) => ({
      reason: "FieldManagerConflict",
      message: `conflict with ${managerText(managers.get(id)!)}`,
      field: pathText(path),
    })),
  );
}

export function conflictMessage(conflicts: Conflicts, managers: Managers): string {
  const fields = [...conflicts]
    .sort(([a], [b]) => compareText(a, b))
    .map(([id, set]) => ({ manager: managerText(managers.get(id)!), paths: [...pathsOf(set)].map(pathText) }));
  const count = fields.reduce((sum, { paths }) => sum + paths.length, 0);
  if (count === 1) return `Apply failed with 1 conflict: conflict with ${fields[0]!.manager}: ${fields[0]!.paths[0]!}`;
  const lines = fields.flatMap(({ manager, paths }) => [
    `conflicts with ${manager}:`,
    ...paths.map((path) => `- ${path}`),
  ]);
  return `Apply failed with ${count} conflicts: ${lines.join("\n")}`;
}

/** The conflicts with fields outside of `allowed`. */
export function conflictsOutside(conflicts: Conflicts, outside: (set: FieldSet) => FieldSet): Conflicts {
  return new Map([...conflicts].map(([id, set]) => [id, outside(set)] as const).filter(([, set]) => !isEmptySet(set)));
}
