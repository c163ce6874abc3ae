// SPDX-License-Identifier: Apache-2.0
// A model that a LocalModelCache holds on the nodes is mounted from its claim instead of fetched.
// Source: KServe InjectStorageInitializer; the label and the annotations are set by admission.
import { createHash } from "node:crypto";
import { type InferenceService, internalAnnotations, internalLabels, ServalError } from "@serval/api";

/** Name of a model's folder in the caches. */
export const storageKeyOf = (sourceUri: string): string =>
  createHash("sha256").update(sourceUri).digest("hex").slice(0, 16);

/** The claim's URI for a cached model, else the URI as it is. @throws ServalError when the claim is not named. */
export function cachedUri(uri: string, { metadata }: InferenceService): string {
  if (metadata.labels?.[internalLabels.localModel] === undefined) return uri;
  const notes = metadata.annotations ?? {};
  const claim = notes[internalAnnotations.localModelPvcName];
  if (claim === undefined)
    throw new ServalError("InvalidStorage", `Annotation ${internalAnnotations.localModelPvcName} not found`, {
      fix: `Apply the InferenceService again, or remove its label ${internalLabels.localModel}`,
    });
  const source = notes[internalAnnotations.localModelSourceUri] ?? "";
  const rest = uri.startsWith(source) ? uri.slice(source.length) : uri;
  return `pvc://${claim}/models/${storageKeyOf(source)}${rest.startsWith("/") ? rest : `/${rest}`}`;
}
