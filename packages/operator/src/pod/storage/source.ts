// SPDX-License-Identifier: Apache-2.0
// Where a component's model comes from, checked, and what its objects say about it.
// Source: KServe ValidateStorageURI, addStorageSpecAnnotations.
import {
  type ClusterStorageContainer,
  type ComponentSpec,
  internalAnnotations,
  type Role,
  ServalError,
  storageUriOf,
} from "@serval/api";
import { schemePlaceholder, storageOf } from "../credentials/storage-spec.ts";
import { fittingContainer } from "./storage-container.ts";

const supportedPrefixes: readonly string[] = [
  "gs://",
  "s3://",
  "pvc://",
  "file://",
  "https://",
  "http://",
  "hdfs://",
  "webhdfs://",
  "oci://",
  "oci+native://",
  "oci+fetch://",
  "hf://",
];
const azureBlob = "https://{}.blob.core.windows.net/{}/{}";
/** KServe's list lacks it, though its pods serve it. */
const alsoSupported = "oci+modelcar://";

/** KServe: any text without a scheme is a local path; a ClusterStorageContainer adds its own schemes. */
function checkStorageUri(uri: string, containers: readonly ClusterStorageContainer[]): void {
  if (uri === "" || !/^\w[\w+.-]*?:\/\//.test(uri)) return;
  if ([...supportedPrefixes, alsoSupported].some((prefix) => uri.startsWith(prefix))) return;
  if (fittingContainer(uri, containers) !== undefined) return;
  throw new ServalError(
    "StorageUriNotSupported",
    `StorageURI not supported: storageUri, must be one of: [${supportedPrefixes.join(", ")}] or match ${azureBlob} or be an absolute or relative local path. StorageURI [${uri}] is not supported`,
    { fix: "Use one of the prefixes, or create a ClusterStorageContainer that lists the URI's prefix" },
  );
}

/**
 * The initializer's argument; the scheme of a `storage` spec is known only with its secret.
 * @throws ServalError StorageConflict, StorageUriNotSupported with KServe's texts.
 */
export function sourceOf(
  role: Role,
  component: ComponentSpec,
  containers: readonly ClusterStorageContainer[],
): string | undefined {
  const uri = storageUriOf(role, component) ?? "";
  const path = storageOf(role, component)?.path ?? "";
  if (uri !== "" && path !== "")
    throw new ServalError("StorageConflict", "must provide only one of storageUri and storage.path");
  for (const each of [uri, ...(component.storageUris ?? []).map((entry) => entry.uri)])
    checkStorageUri(each, containers);
  if (path !== "") return `${schemePlaceholder}://${path.replace(/^\//, "")}`;
  return uri === "" ? undefined : uri;
}

/** JSON as Go writes a map: sorted. */
const sortedJson = (map: Readonly<Record<string, string>>): string =>
  JSON.stringify(Object.fromEntries(Object.entries(map).toSorted(([a], [b]) => (a < b ? -1 : 1))));

export function storageNotes(
  role: Role,
  component: ComponentSpec,
  sourceUri: string | undefined,
): Record<string, string> {
  const storage = role === "predictor" ? storageOf(role, component) : undefined;
  const name = "storageContainerName" in component ? component.storageContainerName : undefined;
  return {
    ...(sourceUri === undefined ? {} : { [internalAnnotations.sourceUri]: sourceUri }),
    ...(storage === undefined ? {} : { [internalAnnotations.storageSpec]: "true" }),
    ...(storage?.parameters === undefined
      ? {}
      : { [internalAnnotations.storageSpecParam]: sortedJson(storage.parameters) }),
    ...(storage?.key === undefined ? {} : { [internalAnnotations.storageSpecKey]: storage.key }),
    ...(name === undefined || name === "" ? {} : { [internalAnnotations.storageContainerName]: name }),
  };
}
