// SPDX-License-Identifier: Apache-2.0
// PersistentVolumeClaims as directories of this machine: a claim is bound to a directory of its own at once.
import { mkdir, rm } from "node:fs/promises";
import { join, normalize, sep } from "node:path";
import { type Key, keyOf, type PersistentVolume, type PersistentVolumeClaim, type Pod, resources } from "@serval/api";
import { isAlreadyExists, type ReconcileResult } from "@serval/kube";
import type { ControllerContext } from "./context.ts";
import { isDeleting } from "./ownership.ts";

export const storageClassName = "serval-local";
const provisioner = "serval.dev/local";
const provisionedBy = "pv.kubernetes.io/provisioned-by";
/** Holds a claim back while a pod uses it. Source: kubernetes/pkg/controller/volume/pvcprotection */
const protection = "kubernetes.io/pvc-protection";

const volumeFor = (claim: PersistentVolumeClaim, dir: string): PersistentVolume => ({
  apiVersion: "v1",
  kind: "PersistentVolume",
  metadata: {
    name: `pvc-${claim.metadata.uid}`,
    annotations: { [provisionedBy]: provisioner },
  },
  spec: {
    accessModes: claim.spec?.accessModes,
    capacity: claim.spec?.resources?.requests,
    claimRef: {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      namespace: claim.metadata.namespace,
      name: claim.metadata.name,
      uid: claim.metadata.uid,
    },
    hostPath: { path: dir, type: "DirectoryOrCreate" },
    persistentVolumeReclaimPolicy: "Delete",
    storageClassName,
    volumeMode: "Filesystem",
  },
});

const isOurs = (claim: PersistentVolumeClaim): boolean =>
  [undefined, "", storageClassName, "standard", "local-path"].includes(claim.spec?.storageClassName);

const protectedBy = ({ metadata }: PersistentVolumeClaim): string[] => [
  ...new Set([...(metadata.finalizers ?? []), protection]),
];

const claimsOf = (pod: Pod): string[] =>
  (pod.spec?.volumes ?? []).flatMap(({ persistentVolumeClaim }) =>
    persistentVolumeClaim === undefined ? [] : [persistentVolumeClaim.claimName],
  );

/** Claims that a change of this pod may set free. */
export const claimKeysOf = (pod: Pod): Key[] =>
  claimsOf(pod).map((name) => ({ namespace: pod.metadata.namespace, name }));

const hasEnded = ({ status }: Pod): boolean => status?.phase === "Succeeded" || status?.phase === "Failed";

/** A deleted claim goes when its last pod has gone; a pod that has only ended still owns nothing of it. */
async function unprotect(context: ControllerContext, claim: PersistentVolumeClaim): Promise<void> {
  const { name, namespace, finalizers = [], resourceVersion, uid } = claim.metadata;
  if (!finalizers.includes(protection)) return;
  const isUsed = context.informers.pods.list(namespace).some((pod) => !hasEnded(pod) && claimsOf(pod).includes(name));
  if (isUsed) return;
  const body = { metadata: { uid, resourceVersion, finalizers: finalizers.filter((f) => f !== protection) } };
  await context.cluster.patch(resources.persistentVolumeClaims, keyOf(claim), { type: "merge", body });
}

async function bind(context: ControllerContext, claim: PersistentVolumeClaim, volume: PersistentVolume): Promise<void> {
  const { cluster } = context;
  const bound = await cluster.patch(resources.persistentVolumeClaims, keyOf(claim), {
    type: "merge",
    body: { metadata: { finalizers: protectedBy(claim) }, spec: { volumeName: volume.metadata.name } },
  });
  const status = { phase: "Bound", accessModes: volume.spec?.accessModes, capacity: volume.spec?.capacity };
  await cluster.update(resources.persistentVolumeClaims, { ...bound, status }, { subresource: "status" });
  await cluster.patch(
    resources.persistentVolumes,
    keyOf(volume),
    { type: "merge", body: { status: { phase: "Bound" } } },
    { subresource: "status" },
  );
}

/** A claim that names a volume is bound to it; one that names none gets a new directory below `dataDir/volumes`. */
export async function reconcileClaim(context: ControllerContext, key: Key, dataDir: string): Promise<ReconcileResult> {
  const { cluster, informers } = context;
  const claim = informers.claims.get(key);
  if (claim === undefined) return undefined;
  if (isDeleting(claim)) await unprotect(context, claim);
  if (isDeleting(claim) || claim.status?.phase === "Bound") return undefined;
  const named = claim.spec?.volumeName;
  if (named !== undefined && named !== "") {
    const volume = informers.volumes.get({ name: named });
    if (volume === undefined) return { requeueAfterMs: 500 };
    await bind(context, claim, volume);
    return undefined;
  }
  if (!isOurs(claim)) {
    context.events.record(
      claim,
      "Warning",
      "ProvisioningFailed",
      `storageclass.storage.k8s.io "${claim.spec?.storageClassName}" not found; leave storageClassName out to get a directory of this machine`,
    );
    return undefined;
  }
  const dir = join(
    dataDir,
    "volumes",
    claim.metadata.namespace ?? "default",
    `${claim.metadata.name}-${claim.metadata.uid?.slice(0, 8)}`,
  );
  await mkdir(dir, { recursive: true });
  const volume = volumeFor(claim, dir);
  const stored = await cluster.create(resources.persistentVolumes, volume).catch((error: unknown) => {
    if (isAlreadyExists(error)) return volume;
    throw error;
  });
  await bind(context, claim, stored);
  return undefined;
}

const isInside = (path: string, dir: string): boolean => normalize(path).startsWith(`${normalize(dir)}${sep}`);

/** The claim of a provisioned volume is gone: the volume and its directory go too (reclaim policy Delete). */
export async function reclaimVolume(context: ControllerContext, key: Key, dataDir: string): Promise<ReconcileResult> {
  const volume = context.informers.volumes.get(key);
  const ref = volume?.spec?.claimRef;
  const path = volume?.spec?.hostPath?.path;
  // Only what this controller made: a volume that a person wrote may hold the only copy of a model.
  const isOurs = volume?.metadata.annotations?.[provisionedBy] === provisioner;
  if (volume === undefined || ref === undefined || path === undefined || !isOurs) return undefined;
  if (volume.spec?.persistentVolumeReclaimPolicy !== "Delete") return undefined;
  const claimKey = { namespace: ref.namespace, name: ref.name ?? "" };
  const claim = await context.cluster.get(resources.persistentVolumeClaims, claimKey);
  if (claim?.metadata.uid === ref.uid) return undefined;
  // The directory first: when that fails, the volume is there for another try.
  if (isInside(path, join(dataDir, "volumes"))) await rm(path, { recursive: true, force: true });
  await context.cluster.delete(resources.persistentVolumes, key, { uid: volume.metadata.uid ?? "" });
  return undefined;
}
