// SPDX-License-Identifier: Apache-2.0
// What a TrainedModel must be. Source: KServe pkg/webhook/admission/trainedmodel via pkg/apis/serving/v1alpha1.
import type { Finding } from "@serval/api/errors/index.ts";
import type { TrainedModel } from "./schema.ts";

const namePattern = "^[a-zA-Z0-9_-]+$";
const prefixes = ["s3://", "gs://", "https://", "http://"];

const bad = (path: string, message: string): Finding => ({ reason: "InvalidTrainedModel", path, message });

/** In KServe's order. `previous`: the stored object, on update. */
export function trainedModelFindings({ metadata, spec }: TrainedModel, previous?: TrainedModel): Finding[] {
  const { name } = metadata;
  // The CRD lets an object without spec through (KServe): Go's zero values.
  const { storageUri = "", memory = "0" } = spec?.model ?? {};
  const found: Finding[] = [];
  if (!new RegExp(namePattern).test(name))
    found.push(
      bad(
        "metadata.name",
        `the Trained Model "${name}" is invalid: a Trained Model name must consist of alphanumeric characters, '_', or '-'. (e.g. "my-Name" or "abc_123", regex used for validation is '${namePattern}')`,
      ),
    );
  const before = previous?.spec?.model?.memory ?? "0";
  if (previous !== undefined && `${before}` !== `${memory}`)
    found.push(
      bad(
        "spec.model.memory",
        `the Trained Model "${name}" memory field is immutable. The memory was "${before}" but it is updated to "${memory}"`,
      ),
    );
  if (!prefixes.some((prefix) => storageUri.startsWith(prefix)))
    found.push(
      bad(
        "spec.model.storageUri",
        `the Trained Model "${name}" storageUri field is invalid. The storage uri must start with one of the prefixes: ${prefixes.join(", ")}. (the storage uri given is "${storageUri}")`,
      ),
    );
  return found;
}
