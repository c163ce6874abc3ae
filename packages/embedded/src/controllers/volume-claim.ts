// SPDX-License-Identifier: Apache-2.0
// PersistentVolumeClaims as directories of this machine: a claim is bound to a directory of its own at once.
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Key, keyOf, type PersistentVolume, type PersistentVolumeClaim, resources } from "@serval/api";
import { isAlreadyExists, type ReconcileResult } from "@serval/kube";
import type { ControllerContext } from "./context.ts";
import { isDeleting } from "./ownership.ts";

export const storageClassName = "serval-local";

const volumeFor = (claim: PersistentVolumeClaim, dir: string): PersistentVolume => ({
  apiVersion: "v1",
  kind: "PersistentVolume",
  metadata: {
    name: `pvc-${claim.metadata.uid}`,
    annotations: { "pv.kubernetes.io/provisioned-by": "serval.dev/local" },
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

async function bind(context: ControllerContext, claim: PersistentVolumeClaim, volume: PersistentVolume): Promise<void> {
  const { cluster } = context;
  const bound = await cluster.patch(resources.persistentVolumeClaims, keyOf(claim), {
    type: "merge",
    body: { spec: { volumeName: volume.metadata.name } },
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
  if (claim === undefined || isDeleting(claim) || claim.status?.phase === "Bound") return undefined;
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

/** The claim of a provisioned volume is gone: the volume and its directory go too (reclaim policy Delete). */
export async function reclaimVolume(context: ControllerContext, key: Key, dataDir: string): Promise<ReconcileResult> {
  const volume = context.informers.volumes.get(key);
  const ref = volume?.spec?.claimRef;
  const path = volume?.spec?.hostPath?.path;
  if (
    volume === undefined ||
    ref === undefined ||
    path === undefined ||
    volume.spec?.persistentVolumeReclaimPolicy !== "Delete"
  )
    return undefined;
  const claim = await context.cluster.get(resources.persistentVolumeClaims, {
    namespace: ref.namespace,
    name: ref.name ?? "",
  });
  if (claim?.metadata.uid === ref.uid) return undefined;
  await context.cluster.delete(resources.persistentVolumes, key, { uid: volume.metadata.uid ?? "" });
  if (path.startsWith(join(dataDir, "volumes"))) await rm(path, { recursive: true, force: true });
  return undefined;
}
