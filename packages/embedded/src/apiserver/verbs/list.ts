// SPDX-License-Identifier: Apache-2.0
// GET of a collection: selectors, pages, and what `resourceVersion` means.
// Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions
import { apiVersionOf } from "@serval/api";
import { CompactedError, type Entry } from "../../store/index.ts";
import { parseSelectors } from "../selector.ts";
import { badRequest, expired, revisionAhead } from "../status.ts";
import { partialMetadata, renderTable } from "../table/render.ts";
import { type Call, shownAs } from "./context.ts";

export const collectionPrefix = ({ resource, namespace }: Call): string =>
  resource.type.namespaced && namespace !== undefined ? `${resource.prefix}${namespace}/` : resource.prefix;

/** @throws ApiError 400. */
export function revisionNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw badRequest(`resourceVersion must be a whole number, not ${JSON.stringify(text)}`);
  return Number(text);
}

interface Page {
  readonly entries: readonly Entry[];
  readonly resourceVersion: string;
  readonly continue?: string;
  readonly remainingItemCount?: number;
}

/** The state that the pages of one list come from, and the last key given out. */
interface Position {
  readonly revision: number;
  readonly after: string;
}

const encodePosition = (position: Position): string => Buffer.from(JSON.stringify(position)).toString("base64url");

function decodePosition(token: string): Position {
  try {
    const { revision, after } = JSON.parse(Buffer.from(token, "base64url").toString()) as Position;
    if (Number.isInteger(revision) && typeof after === "string") return { revision, after };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw badRequest("continue key is not valid: use the token of the previous page unchanged");
}

/** The revision to list at; undefined: the newest. */
function revisionToList({ query, context }: Call): number | undefined {
  const { resourceVersion = "", resourceVersionMatch } = query;
  if (resourceVersionMatch !== undefined && (resourceVersion === "" || query["continue"])) {
    throw badRequest("resourceVersionMatch is forbidden unless resourceVersion is provided");
  }
  if (resourceVersion === "" || resourceVersion === "0") {
    if (resourceVersionMatch === "Exact")
      throw badRequest('resourceVersionMatch "Exact" is forbidden for resourceVersion "0"');
    return undefined;
  }
  const asked = revisionNumber(resourceVersion);
  const current = context.store.currentRevision();
  if (asked > current) throw revisionAhead(asked, current);
  const isExact =
    resourceVersionMatch === "Exact" || (resourceVersionMatch === undefined && query["limit"] !== undefined);
  return isExact ? asked : undefined;
}

function stateAt(call: Call, revision: number | undefined): readonly Entry[] {
  try {
    return call.context.store.list(collectionPrefix(call), revision);
  } catch (error) {
    if (!(error instanceof CompactedError)) throw error;
    throw expired(
      call.query["continue"]
        ? "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter."
        : `The resourceVersion for the provided list is too old: ${error.message}`,
    );
  }
}

/** One page, or everything without `limit`. */
export function listEntries(call: Call): Page {
  const { query, context, resource } = call;
  const matches = parseSelectors(query, resource.fields);
  const position = query["continue"] ? decodePosition(query["continue"]) : undefined;
  const revision = position?.revision ?? revisionToList(call);
  let entries = stateAt(call, revision);
  if (matches !== undefined) entries = entries.filter(({ value }) => matches(value));
  if (position !== undefined) entries = entries.filter(({ key }) => key > position.after);
  const shownRevision = revision ?? context.store.currentRevision();
  const resourceVersion = String(shownRevision);
  const limit = query["limit"] === undefined ? 0 : Number(query["limit"]);
  if (!Number.isInteger(limit) || limit < 0)
    throw badRequest(`limit must be a whole number, not ${JSON.stringify(query["limit"])}`);
  if (limit === 0 || entries.length <= limit) return { entries, resourceVersion };
  const page = entries.slice(0, limit);
  return {
    entries: page,
    resourceVersion,
    continue: encodePosition({ revision: shownRevision, after: page.at(-1)?.key ?? "" }),
    ...(matches === undefined ? { remainingItemCount: entries.length - limit } : {}),
  };
}

export function listObjects(call: Call): unknown {
  const { resource, rendering, context } = call;
  const { entries, ...position } = listEntries(call);
  const metadata = position;
  if (rendering.as === "table") {
    const stored = entries.map(({ value }) => value);
    return renderTable(stored, {
      columns: resource.columns,
      include: rendering.include,
      now: context.now(),
      metadata,
      headers: true,
    });
  }
  const objects = entries.map(({ value }) => shownAs(resource, value));
  if (rendering.as === "metadata") {
    return {
      kind: "PartialObjectMetadataList",
      apiVersion: "meta.k8s.io/v1",
      metadata,
      items: objects.map(partialMetadata),
    };
  }
  return { kind: resource.listKind, apiVersion: apiVersionOf(resource.type), metadata, items: objects };
}
