// SPDX-License-Identifier: Apache-2.0
// `meta.k8s.io/v1` Table and PartialObjectMetadata: what kubectl asks for instead of whole objects.
import type { AnyObject } from "@serval/api";
import type { Column } from "./column.ts";

export type Rendering =
  | { readonly as: "object" }
  | { readonly as: "metadata" }
  | { readonly as: "table"; readonly include: "Metadata" | "Object" | "None" };

/** The first media type of `accept` that is served. kubectl sends Table first and plain JSON after it. */
export function chooseRendering(accept: string | undefined, includeObject: string | undefined): Rendering {
  for (const mediaType of (accept ?? "").split(",")) {
    const [type = "", ...parameters] = mediaType.split(";").map((part) => part.trim());
    const wanted = new Map(parameters.map((parameter) => parameter.split("=") as [string, string]));
    const as = wanted.get("as");
    if (as === undefined && /^(application\/(json|\*|yaml)|\*\/\*)$/.test(type)) return { as: "object" };
    if (wanted.get("g") !== "meta.k8s.io" || wanted.get("v") !== "v1") continue;
    if (as === "Table") {
      const include = includeObject === "Object" || includeObject === "None" ? includeObject : "Metadata";
      return { as: "table", include };
    }
    if (as === "PartialObjectMetadata" || as === "PartialObjectMetadataList") return { as: "metadata" };
  }
  return { as: "object" };
}

export const partialMetadata = ({ metadata }: AnyObject): AnyObject => ({
  kind: "PartialObjectMetadata",
  apiVersion: "meta.k8s.io/v1",
  metadata,
});

export interface TableOptions {
  readonly columns: readonly Column[];
  readonly include: "Metadata" | "Object" | "None";
  readonly now: Date;
  /** Of the list; of the object when there is one row. */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** false: later events of a watch carry no headers. */
  readonly headers: boolean;
}

const header = ({ name, type, format = "", description = "", priority }: Column): Record<string, unknown> => ({
  name,
  type,
  format,
  description,
  priority,
});

export function renderTable(objects: readonly AnyObject[], options: TableOptions): unknown {
  const { columns, include, now } = options;
  return {
    kind: "Table",
    apiVersion: "meta.k8s.io/v1",
    metadata: options.metadata,
    columnDefinitions: options.headers ? columns.map(header) : null,
    rows: objects.map((object) => ({
      cells: columns.map(({ cell }) => cell(object, now) ?? null),
      ...(include === "None" ? {} : { object: include === "Object" ? object : partialMetadata(object) }),
    })),
  };
}
