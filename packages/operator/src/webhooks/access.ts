// SPDX-License-Identifier: Apache-2.0
// Nobody gets through us what Kubernetes would not give: the Secrets, ConfigMaps and ServiceAccounts that an object newly
// names are asked for in the name of the user. Whoever may create pods in the namespace may use them all there, as in
// Kubernetes itself. See docs/decisions/0012-references-are-checked-against-the-user.md.
import { type AnyObject, type Finding, type KubeObject, type ResourceType, servingGroup } from "@serval/api";
import type { AdmissionPlugin, AdmissionRequest, AdmissionResult, Cluster, UserInfo } from "@serval/kube";
import { denial } from "./denial.ts";
import type { AdmissionDeps } from "./plugin.ts";
import { newReferences, type Reference } from "./references.ts";

export interface AccessQuestion {
  readonly user: UserInfo;
  readonly namespace: string;
  readonly verb: string;
  readonly resource: "pods" | "secrets" | "configmaps" | "serviceaccounts";
  readonly subresource?: "token";
  readonly name?: string;
}

/** @throws when it cannot be known. */
export type AccessReview = (question: AccessQuestion) => Promise<boolean>;

interface SubjectAccessReview extends KubeObject {
  spec: unknown;
  status?: { allowed?: boolean };
}

export const subjectAccessReviews: ResourceType<SubjectAccessReview> = {
  group: "authorization.k8s.io",
  version: "v1",
  kind: "SubjectAccessReview",
  plural: "subjectaccessreviews",
  namespaced: false,
};

/** Asks the API server's own authorizer. */
export const createAccessReview =
  (cluster: Cluster): AccessReview =>
  async ({ user, ...resourceAttributes }) => {
    const { username, groups, uid, extra } = user;
    const { status } = await cluster.create(subjectAccessReviews, {
      apiVersion: "authorization.k8s.io/v1",
      kind: "SubjectAccessReview",
      metadata: { name: "" },
      spec: { user: username, groups, uid, extra, resourceAttributes },
    });
    return status?.allowed === true;
  };

/** Kinds whose objects make pods, or lend their fields to those that do. */
const checked: ReadonlySet<string> = new Set([
  "inferenceservices",
  "servingruntimes",
  "inferencegraphs",
  "trainedmodels",
  "localmodelcaches",
  "localmodelnamespacecaches",
  "llminferenceservices",
  "llminferenceserviceconfigs",
]);

type Right = Pick<AccessQuestion, "verb" | "resource" | "subresource">;

/** Any one of them suffices. */
const rights: Readonly<Record<Reference["kind"], readonly Right[]>> = {
  Secret: [{ verb: "get", resource: "secrets" }],
  ConfigMap: [{ verb: "get", resource: "configmaps" }],
  ServiceAccount: [
    { verb: "impersonate", resource: "serviceaccounts" },
    { verb: "create", resource: "serviceaccounts", subresource: "token" },
  ],
};

const rightText = ({ verb, resource, subresource }: Right): string =>
  `${verb} ${resource}${subresource === undefined ? "" : `/${subresource}`}`;

async function anyOf(questions: readonly AccessQuestion[], review: AccessReview): Promise<boolean> {
  for (const question of questions) if (await review(question)) return true;
  return false;
}

function forbidden({ kind, name, namespace, path }: Reference, { username }: UserInfo): Finding {
  const wanted = rights[kind].map(rightText).join(" or ");
  return {
    reason: "ReferenceForbidden",
    path,
    message: `user ${JSON.stringify(username)} may not use ${kind} ${JSON.stringify(name)} of namespace ${JSON.stringify(namespace)}`,
    fix: `Grant the user ${wanted} for ${JSON.stringify(name)}, or create pods, in namespace ${namespace}; or name another ${kind}`,
  };
}

/** Findings for what the user may not use. @throws when the review does. */
export async function referenceFindings(
  references: readonly Reference[],
  user: UserInfo,
  review: AccessReview,
): Promise<Finding[]> {
  const namespaces = [...new Set(references.map(({ namespace }) => namespace))];
  const mayCreatePods = new Map(
    await Promise.all(
      namespaces.map(
        async (namespace) => [namespace, await review({ user, namespace, verb: "create", resource: "pods" })] as const,
      ),
    ),
  );
  const judged = await Promise.all(
    references.map(async (reference) => {
      const { kind, namespace, name } = reference;
      if (mayCreatePods.get(namespace) === true) return [];
      const isAllowed = await anyOf(
        rights[kind].map((right) => ({ ...right, user, namespace, name })),
        review,
      );
      return isAllowed ? [] : [forbidden(reference, user)];
    }),
  );
  return judged.flat();
}

function unknown(reference: Reference, { username }: UserInfo, error: unknown): AdmissionResult {
  const finding: Finding = {
    reason: "ReferenceNotChecked",
    path: reference.path,
    message: `cannot find out whether user ${JSON.stringify(username)} may use ${reference.kind} ${JSON.stringify(reference.name)}: ${(error as Error).message}`,
  };
  const { denied } = denial([finding]);
  return denied === undefined ? {} : { denied: { ...denied, code: 500, reason: "InternalError" } };
}

const warningOf = ({ path, message, fix }: Finding): string =>
  `${path}: ${message}${fix === undefined ? "" : `. ${fix}`}`;

async function judge(request: AdmissionRequest, deps: AdmissionDeps, review: AccessReview): Promise<AdmissionResult> {
  const config = deps.config();
  const mode = config.serval.referenceChecks ?? "enforce";
  const next = request.object as AnyObject;
  // What is being deleted only loses its finalizers; whoever may do everything is not asked about.
  if (mode === "off" || next.metadata.deletionTimestamp !== undefined) return {};
  if (request.user.groups.includes("system:masters")) return {};
  const object =
    next.metadata.namespace === undefined && request.namespace !== undefined
      ? { ...next, metadata: { ...next.metadata, namespace: request.namespace } }
      : next;
  const references = newReferences(object, request.oldObject, config);
  const [first] = references;
  if (first === undefined) return {};
  try {
    const findings = await referenceFindings(references, request.user, review);
    return mode === "warn" ? { warnings: findings.map(warningOf) } : denial(findings);
  } catch (error) {
    const result = unknown(first, request.user, error);
    return mode === "warn" ? { warnings: [result.denied?.message.split("\n")[0] ?? ""] } : result;
  }
}

export const referenceChecks = (deps: AdmissionDeps, review: AccessReview): AdmissionPlugin => ({
  name: "references.kserve-webhook-server.validator",
  phase: "validate",
  handles: ({ resource, operation, subresource }) =>
    operation !== "DELETE" &&
    (subresource === undefined || subresource === "") &&
    resource.group === servingGroup &&
    checked.has(resource.plural),
  admit: (request) => judge(request, deps, review),
});
