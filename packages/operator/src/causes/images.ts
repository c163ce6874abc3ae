// SPDX-License-Identifier: Apache-2.0
// Images that are not there, not allowed, or cannot be run here. Pure.
// Source of the texts: containerd and CRI-O pull errors as kubelet reports them, Docker Hub's rate limit answer.
import type { ContainerStatus, Pod } from "@serval/api";
import {
  type Cause,
  causeOf,
  containerStatuses,
  type Pattern,
  patternFor,
  podName,
  type Rule,
  words,
  workloadOf,
} from "./cause.ts";
import { type Evidence, eventsOf } from "./evidence.ts";

export const imageReasons: ReadonlySet<string> = new Set([
  "ErrImagePull",
  "ImagePullBackOff",
  "InvalidImageName",
  "ErrImageNeverPull",
  "ImageInspectError",
  "ImageNotRunnable",
  "RegistryUnavailable",
]);

const patterns: readonly Pattern[] = [
  { pattern: /image volume/i, reason: "ImageVolumeUnsupported" },
  { pattern: /toomanyrequests|rate limit|\b429\b/i, reason: "ImagePullRateLimited" },
  {
    pattern: /unauthorized|\b401\b|\b403\b|forbidden|authentication required|access denied|denied:|no basic auth/i,
    reason: "ImagePullDenied",
  },
  {
    pattern: /no such host|i\/o timeout|connection refused|network is unreachable|x509|tls:|server misbehaving/i,
    reason: "RegistryUnreachable",
  },
  { pattern: /manifest unknown|not found|does not exist|NotFound|\b404\b/, reason: "ImageNotFound" },
  {
    pattern: /InvalidImageName|couldn't parse image|invalid reference format/i,
    reason: "ImageNotFound",
    fix: "Correct the image's name: it is not a valid reference",
  },
];

/** kubelet alternates between the error and its back-off: the same trouble must read the same. */
const steady = (text: string): string => text.replace(/^Back-off pulling image "[^"]*"(: \w+: )?/, "");

export const isBareBackOff = ({ state }: ContainerStatus): boolean =>
  state?.waiting?.reason === "ImagePullBackOff" && steady(state.waiting.message ?? "") === "";

function imageCause(evidence: Evidence, pod: Pod, { name, image, state }: ContainerStatus): Cause {
  const { reason = "", message = "" } = state?.waiting ?? {};
  const told = isBareBackOff({ state } as ContainerStatus)
    ? eventsOf(evidence, podName(pod)).find(
        ({ reason: of, message: text = "" }) => of === "Failed" && /pull/i.test(text),
      )?.message
    : undefined;
  const text = words(told ?? steady(message)) || reason;
  const found = patternFor(
    patterns,
    text.includes(reason) ? text : `${reason === "InvalidImageName" ? reason : ""} ${text}`,
  );
  return causeOf(found?.reason ?? "ImageNotRunnable", {
    message: `Container ${name} of pod ${podName(pod)} (image ${image}) cannot start: ${text}`,
    of: workloadOf(pod),
    fix: found?.fix,
  });
}

export const brokenImages: Rule = function* (evidence) {
  for (const pod of evidence.pods)
    for (const status of containerStatuses(pod))
      if (imageReasons.has(status.state?.waiting?.reason ?? "")) yield imageCause(evidence, pod, status);
};
