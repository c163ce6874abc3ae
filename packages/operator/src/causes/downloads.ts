// SPDX-License-Identifier: Apache-2.0
// Why a model was not downloaded, from the last words of its storage initializer: ours, KServe's Python one, or a model
// server that downloads by itself. Pure.
// Source of the texts: botocore, google-cloud-storage, huggingface_hub, azure-storage-blob, KServe kserve_storage.py.
import { containerNames, type InferenceService, storageUriOf } from "@serval/api";
import { causeOf, type Pattern, patternFor, podName, type Rule, words, workloadOf } from "./cause.ts";
import { failedContainers } from "./containers.ts";
import { type Evidence, logName } from "./evidence.ts";

/** The order decides: a gated model is also a 403, a missing host also a failed connection. */
export const downloadPatterns: readonly Pattern[] = [
  {
    pattern: /GatedRepo|gated repo|gated model|access to model .* is restricted|awaiting a review/i,
    reason: "GatedModel",
  },
  { pattern: /no space left on device|ENOSPC|disk is full|disk quota exceeded/i, reason: "StorageFull" },
  {
    pattern:
      /Unable to locate credentials|NoCredentials|DefaultCredentialsError|authentication failed|\b401\b|Unauthorized|AuthenticationFailed|InvalidAccessKeyId|SignatureDoesNotMatch|ExpiredToken|invalid_grant|RepositoryNotFoundError/i,
    reason: "StorageUnauthenticated",
  },
  {
    pattern:
      /access denied|AccessDenied|\b403\b|Forbidden|AuthorizationPermissionMismatch|AuthorizationFailure|does not have storage\.objects/i,
    reason: "StorageAccessDenied",
  },
  {
    pattern:
      /resource not found|\b404\b|NoSuchKey|NoSuchBucket|BlobNotFound|ContainerNotFound|No model found|does not exist|EntryNotFound|RevisionNotFound|no such file|nothing is there|no files? (were|was|is)? ?found/i,
    reason: "ModelNotFound",
  },
  {
    pattern:
      /failed to connect|could not connect to the endpoint|connection refused|name or service not known|getaddrinfo|name resolution|timed? ?out|ENOTFOUND|ECONNREFUSED|EndpointConnectionError|certificate|SSL/i,
    reason: "StorageUnreachable",
  },
];

const identityOf = ({ isvc }: Evidence): string =>
  `ServiceAccount ${isvc.spec.predictor.serviceAccountName || "default"} (namespace ${isvc.metadata.namespace ?? "default"})`;

export const uriOf = (isvc: InferenceService): string | undefined => storageUriOf("predictor", isvc.spec.predictor);

/** The way out that fits the scheme; undefined: the catalogue's. */
function fixFor(reason: Pattern["reason"], evidence: Evidence): string | undefined {
  const uri = uriOf(evidence.isvc) ?? "";
  const identity = identityOf(evidence);
  if (reason === "StorageAccessDenied" && uri.startsWith("s3://"))
    return `Annotate ${identity} with eks.amazonaws.com/role-arn, or list a secret with the keys in it; the role needs s3:GetObject and s3:ListBucket on the bucket prefix`;
  if (reason === "StorageAccessDenied" && uri.startsWith("gs://"))
    return `Bind ${identity} to a Google service account (iam.gke.io/gcp-service-account) with roles/storage.objectViewer on the bucket`;
  if (["StorageAccessDenied", "StorageUnauthenticated"].includes(reason) && uri.startsWith("hf://"))
    return `Give the pod a token that may read the repository: a secret with HF_TOKEN, listed in ${identity}`;
  if (reason === "StorageUnauthenticated" && /^(s3|gs|abfs|https?\+?\w*|azure):\/\//.test(uri))
    return `Create a secret with the credentials for ${uri.split("/").slice(0, 3).join("/")} and list it in ${identity}, or bind that to a cloud identity`;
  return undefined;
}

/** Our own initializer ends with its way out. */
const ownWords = (text: string): { readonly said: string; readonly fix: string | undefined } => {
  const at = text.lastIndexOf(" Fix: ");
  return at < 0 ? { said: text, fix: undefined } : { said: text.slice(0, at), fix: text.slice(at + 6).trim() };
};

export interface Verdict {
  readonly reason: Pattern["reason"];
  readonly said: string;
  readonly fix: string | undefined;
}

/** What a text about a failed download means. */
export function downloadVerdict(text: string, evidence: Evidence): Verdict {
  const { said, fix } = ownWords(text);
  const reason = patternFor(downloadPatterns, said)?.reason ?? "DownloadFailed";
  return { reason, said, fix: fixFor(reason, evidence) ?? fix };
}

export const failedDownloads: Rule = function* (evidence) {
  for (const { pod, status, end } of failedContainers(evidence.pods)) {
    if (status.name !== containerNames.storageInitializer || end.reason === "OOMKilled") continue;
    const told = words(end.message) || words(evidence.details.logs?.get(logName(podName(pod), status.name)));
    const { reason, said, fix } = downloadVerdict(told, evidence);
    const uri = uriOf(evidence.isvc);
    const about = uri === undefined || said.includes(uri) ? "" : ` (${uri})`;
    yield causeOf(reason, {
      message: `The storage initializer of pod ${podName(pod)}${about} ended with exit code ${end.exitCode}: ${said || "it said nothing"}`,
      of: workloadOf(pod),
      fix,
    });
  }
};
