// SPDX-License-Identifier: Apache-2.0
// Which cached model a URI means. Source: KServe's defaulters of InferenceService and LLMInferenceService.
import type { ObjectMeta } from "@serval/api/core/index.ts";
import { localModelKeys } from "../../names.ts";
import type { LocalModelCache } from "./schema.ts";

/** What is stored at this moment; the namespace's own come first. */
export interface LocalModels {
  readonly ofNamespace: readonly LocalModelCache[];
  readonly ofCluster: readonly LocalModelCache[];
}

const trimmed = (uri: string): string => uri.replace(/\/+$/, "");

/** Whether the cached model holds the URI: the same, or below it. */
export function holdsUri(cached: string, uri: string): boolean {
  const [whole, wanted] = [trimmed(cached), trimmed(uri)];
  return wanted === whole || wanted.startsWith(`${whole}/`);
}

function groupOf({ spec }: LocalModelCache, wanted: string | undefined): string | undefined {
  if (wanted === undefined) return spec.nodeGroups[0];
  return spec.nodeGroups.includes(wanted) ? wanted : undefined;
}

interface Match {
  readonly cache: LocalModelCache;
  readonly nodeGroup: string;
}

function matchOf(
  uri: string,
  { ofNamespace, ofCluster }: LocalModels,
  nodeGroup: string | undefined,
): Match | undefined {
  for (const cache of [...ofNamespace, ...ofCluster]) {
    // One without spec was let through by the CRD (KServe): it holds nothing.
    const group =
      cache.spec !== undefined && holdsUri(cache.spec.sourceModelUri, uri) ? groupOf(cache, nodeGroup) : undefined;
    if (group !== undefined) return { cache, nodeGroup: group };
  }
  return undefined;
}

type Notes = Record<string, string>;

function without(notes: Readonly<Notes> | undefined, keys: readonly string[]): Notes {
  return Object.fromEntries(Object.entries(notes ?? {}).filter(([key]) => !keys.includes(key)));
}

function written(metadata: ObjectMeta, labels: Notes, annotations: Notes): ObjectMeta {
  const { labels: _labels, annotations: _annotations, ...rest } = metadata;
  return {
    ...rest,
    ...(Object.keys(labels).length === 0 ? {} : { labels }),
    ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
  };
}

/** The metadata with the marks of the matched cache, or without any. */
export function withLocalModel(metadata: ObjectMeta, uri: string | undefined, models: LocalModels): ObjectMeta {
  const keys = localModelKeys;
  const labels = without(metadata.labels, [keys.label, keys.namespaceLabel]);
  const annotations = without(metadata.annotations, [keys.sourceUri, keys.claimName]);
  if (metadata.annotations?.[keys.disabled] !== undefined) return written(metadata, labels, annotations);
  const match = uri === undefined ? undefined : matchOf(uri, models, metadata.annotations?.[keys.nodeGroup]);
  if (match === undefined) return written(metadata, labels, annotations);
  const { name, namespace } = match.cache.metadata;
  return written(
    metadata,
    { ...labels, [keys.label]: name, ...(namespace === undefined ? {} : { [keys.namespaceLabel]: namespace }) },
    {
      ...annotations,
      [keys.sourceUri]: match.cache.spec.sourceModelUri,
      [keys.claimName]: `${name}-${match.nodeGroup}`,
    },
  );
}
