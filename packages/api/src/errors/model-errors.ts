// SPDX-License-Identifier: Apache-2.0
// Failures of models and their storage: SV3 of the catalogue.
import { type CatalogueEntry, entry } from "./entry.ts";

export const modelErrors = {
  StorageUriNotSupported: entry(
    "SV3001",
    "The storage URI is not supported",
    "Use one of the prefixes that the message lists",
  ),
  ModelLoadFailed: entry(
    "SV3002",
    "The model did not load",
    "Read the message: it is what the loading container said last",
  ),
  DownloadFailed: entry(
    "SV3003",
    "The model was not downloaded",
    "Check that the URI exists and that the credentials may read it",
  ),
  StorageConflict: entry("SV3004", "Two storage settings exclude each other", "Set either storageUri or storage.path"),
  StorageContainerNotUsable: entry(
    "SV3005",
    "The ClusterStorageContainer cannot fetch this model",
    "Name another in spec.predictor.storageContainerName, or correct the one that the message names",
  ),
  StorageCredentials: entry(
    "SV3006",
    "The storage credentials cannot be used",
    "Create or correct the secret that the message names",
  ),
  StorageAccessDenied: entry(
    "SV3007",
    "The storage refuses these credentials",
    "Give the identity of the ServiceAccount (IRSA role, workload identity or secret) the right to read the bucket prefix: s3:GetObject and s3:ListBucket on S3",
  ),
  StorageUnauthenticated: entry(
    "SV3008",
    "The storage needs credentials that it did not get",
    "Create a secret with the credentials, list it in the ServiceAccount, and name that in spec.predictor.serviceAccountName",
  ),
  ModelNotFound: entry(
    "SV3009",
    "Nothing is at the path of the model",
    "Check the path in storageUri; names are case-sensitive",
  ),
  StorageUnreachable: entry(
    "SV3010",
    "The storage cannot be reached",
    "Check the host, the port, DNS and the proxy settings",
  ),
  StorageFull: entry(
    "SV3011",
    "There is no space for the model",
    "Free space on the node, raise the volume's size limit, or use a smaller model",
  ),
  GatedModel: entry(
    "SV3012",
    "The model is gated",
    "Accept its licence on huggingface.co with the account of the token, and give the pod that token in HF_TOKEN",
  ),
  WrongFormat: entry(
    "SV3013",
    "The files are not of the model's format",
    "Set modelFormat to what the files are, or correct storageUri",
  ),
  ImageVolumeUnsupported: entry(
    "SV3014",
    "The cluster cannot mount an image as a volume",
    "Use a cluster of Kubernetes 1.33 or later with the feature ImageVolume, or set storageInitializer.ociModelMode to modelcar or fetch",
  ),
  ModelNotLoaded: entry(
    "SV3015",
    "The model was evicted, or is still being loaded",
    "Raise modelTTL and multiModel.replicas of the ServingRuntime, or its memory",
  ),
} as const satisfies Record<string, CatalogueEntry>;
