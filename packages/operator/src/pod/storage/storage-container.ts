// SPDX-License-Identifier: Apache-2.0
// Which ClusterStorageContainer fetches a URI. Source: KServe GetStorageContainerSpec, GetStorageContainerSpecByName.
import { type ClusterStorageContainer, ServalError } from "@serval/api";

const initContainer = "initContainer";

/** KServe: the prefix counts where both are given. A pattern that is no regular expression fits nothing. */
function supports({ spec }: ClusterStorageContainer, uri: string): boolean {
  return spec.supportedUriFormats.some(({ prefix, regex }) => {
    if (prefix !== undefined && prefix !== "") return uri.startsWith(prefix);
    return regex !== undefined && regex !== "" && patternOf(regex)?.test(uri) === true;
  });
}

/** undefined: not a regular expression. */
function patternOf(text: string): RegExp | undefined {
  try {
    return new RegExp(text);
  } catch {
    return undefined;
  }
}

const isUsable = ({ disabled, spec }: ClusterStorageContainer): boolean =>
  disabled !== true && (spec.workloadType ?? initContainer) === initContainer;

/** The first that fits, in the API server's order; undefined: the built-in container. */
export const fittingContainer = (
  uri: string,
  containers: readonly ClusterStorageContainer[],
): ClusterStorageContainer | undefined =>
  containers.find((candidate) => isUsable(candidate) && supports(candidate, uri));

const refuse = (name: string, why: string, fix: string): ServalError =>
  new ServalError("StorageContainerNotUsable", `ClusterStorageContainer "${name}" ${why}`, { fix });

/** The one that the predictor names. @throws ServalError StorageContainerNotUsable with KServe's text. */
export function namedContainer(
  name: string,
  uri: string,
  containers: readonly ClusterStorageContainer[],
): ClusterStorageContainer {
  const found = containers.find(({ metadata }) => metadata.name === name);
  if (found === undefined)
    throw refuse(name, "not found", `Create it, or name one of: ${containers.map((c) => c.metadata.name).join(", ")}`);
  if (found.disabled === true)
    throw refuse(name, "is disabled", "Enable it, or remove spec.predictor.storageContainerName");
  const { workloadType = initContainer, supportedUriFormats } = found.spec;
  if (workloadType !== initContainer)
    throw refuse(
      name,
      `has workloadType "${workloadType}"; explicit selection requires "${initContainer}"`,
      `Name a ClusterStorageContainer of workloadType ${initContainer}`,
    );
  const broken = supportedUriFormats.find(
    ({ prefix = "", regex = "" }) => prefix === "" && regex !== "" && patternOf(regex) === undefined,
  );
  if (broken !== undefined)
    throw refuse(
      name,
      `URI check failed for "${uri}": ${broken.regex} is not a regular expression`,
      `Correct spec.supportedUriFormats of ${name}`,
    );
  if (!supports(found, uri))
    throw refuse(name, `does not support storageUri "${uri}"`, "Add the URI's prefix to its spec.supportedUriFormats");
  return found;
}
