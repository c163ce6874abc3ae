// SPDX-License-Identifier: Apache-2.0
// How an object comes with a release and is never in its user's way: made where it is absent, renewed while nobody else
// has changed it, left alone otherwise.
import { type KubeObject, keyOf, type ResourceType, release } from "@serval/api";
import { type Cluster, isAlreadyExists } from "@serval/kube";
import { matches, needsApply } from "../children/drift.ts";
import { compareReleases } from "./release-order.ts";

export const installManager = "serval-install";

export const installAnnotations = {
  /** The release that wrote the object last. */
  release: "serval.dev/release",
  /** `metadata.generation` after that write: another one means that somebody has edited it since. */
  generation: "serval.dev/release-generation",
  /** Of all that was written, where that is too large to be read at each start. */
  digest: "serval.dev/release-digest",
} as const;

/** `newer`: a later release wrote it; `edited`: its user did; `foreign`: it was never ours. */
export type Ensured = "created" | "updated" | "unchanged" | "newer" | "edited" | "foreign";

export const releaseOf = ({ metadata }: KubeObject): string | undefined =>
  metadata.annotations?.[installAnnotations.release];

export const isNewer = (stored: KubeObject, than = release): boolean =>
  compareReleases(releaseOf(stored) ?? "0.0.0", than) > 0;

export const withAnnotations = <T extends KubeObject>(object: T, annotations: Readonly<Record<string, string>>): T => ({
  ...object,
  metadata: { ...object.metadata, annotations: { ...object.metadata.annotations, ...annotations } },
});

/** Made once; what its user makes of it stays. @throws ApiError. */
export async function ensureExists<T extends KubeObject>(
  cluster: Cluster,
  type: ResourceType<T>,
  wanted: T,
): Promise<Ensured> {
  return (await cluster.get(type, keyOf(wanted))) === undefined ? createOnce(cluster, type, wanted) : "unchanged";
}

/** Another one may be faster. @throws ApiError. */
export async function createOnce<T extends KubeObject>(
  cluster: Cluster,
  type: ResourceType<T>,
  wanted: T,
): Promise<Ensured> {
  try {
    await cluster.create(type, wanted, { fieldManager: installManager });
    return "created";
  } catch (error) {
    if (isAlreadyExists(error)) return "unchanged";
    throw error;
  }
}

/** With the release, and the generation that this write makes. */
export const stamped = <T extends KubeObject>(wanted: T, generation: number): T =>
  withAnnotations(wanted, {
    [installAnnotations.release]: release,
    [installAnnotations.generation]: String(generation),
  });

const withoutMetadata = <T extends KubeObject>(object: T): KubeObject => ({ ...object, metadata: {} });

/** Nobody has changed its spec since a release wrote it. */
export const isAsReleased = ({ metadata }: KubeObject): boolean =>
  metadata.annotations?.[installAnnotations.generation] === String(metadata.generation ?? 1);

/** What this release writes over `stored`. Pure. */
function successor<T extends KubeObject>(wanted: T, stored: T | undefined): T {
  if (stored === undefined) return stamped(wanted, 1);
  const { generation = 1 } = stored.metadata;
  const isSameSpec = matches(withoutMetadata(wanted), withoutMetadata(stored), "");
  return stamped(wanted, isSameSpec ? generation : generation + 1);
}

/** Whether `stored` is not what this release would leave there. Pure. */
export const differs = <T extends KubeObject>(wanted: T, stored: T): boolean =>
  needsApply(stamped(wanted, stored.metadata.generation ?? 1), stored, installManager);

/** What this release would write; a string: why it writes nothing. Pure. */
export function renewal<T extends KubeObject>(wanted: T, stored: T): T | Exclude<Ensured, "created" | "updated"> {
  if (releaseOf(stored) === undefined) return "foreign";
  if (isNewer(stored)) return "newer";
  if (!isAsReleased(stored)) return "edited";
  return differs(wanted, stored) ? successor(wanted, stored) : "unchanged";
}

const forced = { fieldManager: installManager, force: true } as const;

/** The generation is part of the write; it is corrected where the API server counted another one. */
async function write<T extends KubeObject>(cluster: Cluster, type: ResourceType<T>, next: T): Promise<void> {
  const made = await cluster.apply(type, next, forced);
  // Defaulting may have made the same of two texts, or another of the same.
  if (!isAsReleased(made)) await cluster.apply(type, stamped(next, made.metadata.generation ?? 1), forced);
}

/** @param stored what is there, which is written over whoever made it. @throws ApiError. */
export const overwrite = async <T extends KubeObject>(
  cluster: Cluster,
  type: ResourceType<T>,
  { wanted, stored }: { readonly wanted: T; readonly stored: T | undefined },
): Promise<void> => write(cluster, type, successor(wanted, stored));

/**
 * Keeps an object as this release has it, as long as only releases wrote it. Objects whose kind counts generations.
 * @throws ApiError.
 */
export async function ensureRelease<T extends KubeObject>(
  cluster: Cluster,
  type: ResourceType<T>,
  { wanted, stored }: { readonly wanted: T; readonly stored: T | undefined },
): Promise<Ensured> {
  const next = stored === undefined ? successor(wanted, stored) : renewal(wanted, stored);
  if (typeof next === "string") return next;
  // Whoever edits it in this moment wins: the version that was looked at is the one that is written over.
  const { resourceVersion } = stored?.metadata ?? {};
  const at = resourceVersion === undefined ? next : { ...next, metadata: { ...next.metadata, resourceVersion } };
  await write(cluster, type, at);
  return stored === undefined ? "created" : "updated";
}
