// SPDX-License-Identifier: Apache-2.0
// Defaults that Kubernetes' Go types state in `+default` markers: a CRD made from them (KServe's) carries them, the
// OpenAPI document that our definitions come from does not.

/** `<definition in io.k8s.api.core.v1>.<field>` to its default. */
export const fieldDefaults: Readonly<Record<string, unknown>> = {
  "SecretKeySelector.name": "",
  "ConfigMapKeySelector.name": "",
  "LocalObjectReference.name": "",
  "ConfigMapEnvSource.name": "",
  "SecretEnvSource.name": "",
  "ConfigMapVolumeSource.name": "",
  "ConfigMapProjection.name": "",
  "SecretProjection.name": "",
  "FileKeySelector.optional": false,
  "GRPCAction.service": "",
  "AzureDiskVolumeSource.fsType": "ext4",
  "AzureDiskVolumeSource.readOnly": false,
  "ISCSIVolumeSource.iscsiInterface": "default",
  "ISCSIPersistentVolumeSource.iscsiInterface": "default",
  "RBDPersistentVolumeSource.keyring": "/etc/ceph/keyring",
  "RBDPersistentVolumeSource.pool": "rbd",
  "RBDPersistentVolumeSource.user": "admin",
  "ScaleIOPersistentVolumeSource.fsType": "xfs",
  "ScaleIOPersistentVolumeSource.storageMode": "ThinProvisioned",
  "RBDVolumeSource.keyring": "/etc/ceph/keyring",
  "RBDVolumeSource.pool": "rbd",
  "RBDVolumeSource.user": "admin",
  "ScaleIOVolumeSource.fsType": "xfs",
  "ScaleIOVolumeSource.storageMode": "ThinProvisioned",
};

/** Types that embed LocalObjectReference and so inherit its atomic map type. */
export const atomicDefinitions: ReadonlySet<string> = new Set([
  "ConfigMapEnvSource",
  "SecretEnvSource",
  "ConfigMapVolumeSource",
  "ConfigMapProjection",
  "SecretProjection",
]);
