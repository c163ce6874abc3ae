// SPDX-License-Identifier: Apache-2.0
// What one release is made of: its version and the images that a cluster runs. A test keeps the version equal to the
// package files'; whoever mirrors the images names the registry once (`imagesIn`).

/** Of every package, image and manifest of this repository. */
export const release = "0.1.0";

/** Where Serval itself runs on a cluster: operator, gateway, webhook Service and certificate. Never a user's objects. */
export const systemNamespace = "serval-system";

export interface Images {
  /** `serval`: operator, gateway. */
  readonly serval: string;
  /** `serval fetch`, with the arguments of KServe's storage initializer. */
  readonly storageInitializer: string;
  /** `serval serve`, with the arguments of KServe's model servers, and the engines in it. */
  readonly modelServer: string;
}

/** @param repository registry and path before the image's own name, without a slash at its end. */
export const imagesIn = (repository: string, tag = `v${release}`): Images => ({
  serval: `${repository}/serval:${tag}`,
  storageInitializer: `${repository}/storage-initializer:${tag}`,
  modelServer: `${repository}/serval-model-server:${tag}`,
});

export const images: Images = imagesIn("serval");
