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
  if ((await cluster.get(type, keyOf(wanted))) !== undefined) return "unchanged";
  try {
    await cluster.create(type, wanted, { fieldManager: installManager });
    return "created";
  } catch (error) {
    if (isAlreadyExists(error)) return "unchanged";
    throw error;
  }
}

const stamped = <T extends KubeObject>(wanted: T, generation: number): T =>
  withAnnotations(wanted, {
    [installAnnotations.release]: release,
    [installAnnotations.generation]: String(generation),
  });

const withoutMetadata = <T extends KubeObject>(object: T): KubeObject => ({ ...object, metadata: {} });

/** What this release would write; a string: why it writes nothing. Pure. */
export function renewal<T extends KubeObject>(wanted: T, stored: T): T | Exclude<Ensured, "created" | "updated"> {
  if (releaseOf(stored) === undefined) return "foreign";
  if (isNewer(stored)) return "newer";
  const generation = stored.metadata.generation ?? 1;
  if (stored.metadata.annotations?.[installAnnotations.generation] !== String(generation)) return "edited";
  if (!needsApply(stamped(wanted, generation), stored, installManager)) return "unchanged";
  const isSameSpec = matches(withoutMetadata(wanted), withoutMetadata(stored), "");
  return stamped(wanted, isSameSpec ? generation : generation + 1);
}

/**
 * Keeps an object as this release has it, as long as only releases wrote it. Objects whose kind counts generations.
 * @throws ApiError.
 */
export async function ensureRelease<T extends KubeObject>(
  cluster: Cluster,
  type: ResourceType<T>,
  wanted: T,
): Promise<Ensured> {
  const stored = await cluster.get(type, keyOf(wanted));
  const next = stored === undefined ? stamped(wanted, 1) : renewal(wanted, stored);
  if (typeof next === "string") return next;
  const options = { fieldManager: installManager, force: true };
  // Whoever edits it in this moment wins: the version that was looked at is the one that is written over.
  const { resourceVersion } = stored?.metadata ?? {};
  const at = resourceVersion === undefined ? next : { ...next, metadata: { ...next.metadata, resourceVersion } };
  const made = await cluster.apply(type, at, options);
  const { generation = 1 } = made.metadata;
  // Defaulting may have made the same of two texts, or another of the same.
  if (made.metadata.annotations?.[installAnnotations.generation] !== String(generation))
    await cluster.apply(type, stamped(wanted, generation), options);
  return stored === undefined ? "created" : "updated";
}
