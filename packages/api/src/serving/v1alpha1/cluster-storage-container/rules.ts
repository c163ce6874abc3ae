// SPDX-License-Identifier: Apache-2.0
// KServe accepts any ClusterStorageContainer and fails later, at the first pod: here the same is said at once.
import type { ClusterStorageContainer } from "./schema.ts";

const workloadTypes = ["initContainer", "localModelDownloadJob"];

function formatWarning({ prefix, regex }: { prefix?: string; regex?: string }, index: number): string[] {
  const at = `spec.supportedUriFormats[${index}]`;
  if ((prefix ?? "") !== "") return (regex ?? "") === "" ? [] : [`${at}: regex is ignored, prefix counts`];
  if ((regex ?? "") === "") return [`${at} has neither prefix nor regex: it fits no URI`];
  try {
    new RegExp(regex ?? "");
    return [];
  } catch (error) {
    return [`${at}.regex: ${(error as Error).message}: pods of models that get this far will be refused`];
  }
}

export function clusterStorageContainerWarnings({ spec }: ClusterStorageContainer): string[] {
  // The CRD lets an object without spec through (KServe).
  const { supportedUriFormats = [], workloadType = "initContainer" } = spec ?? {};
  return [
    ...supportedUriFormats.flatMap((format, index) =>
      formatWarning(
        {
          ...(format.prefix === undefined ? {} : { prefix: format.prefix }),
          ...(format.regex === undefined ? {} : { regex: format.regex }),
        },
        index,
      ),
    ),
    ...(workloadTypes.includes(workloadType)
      ? []
      : [`spec.workloadType: "${workloadType}" is not known: use ${workloadTypes.join(" or ")}`]),
  ];
}
