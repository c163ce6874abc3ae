// SPDX-License-Identifier: Apache-2.0
// Who may do what. The home has one user, its administrator; there are no RBAC objects. Members of `system:masters` may
// do everything, anybody else nothing but ask who they are. Reviews answer by the same rule that requests are held to.
// Source: https://kubernetes.io/docs/reference/kubernetes-api/authorization-resources/
import type { AnyObject, Status } from "@serval/api";
import type { ApiRequest, UserInfo } from "@serval/kube";
import { isSwitchedOn } from "./query-switch.ts";
import { parseRoute } from "./route.ts";
import { badRequest, methodNotAllowed, refusal, unknownResource } from "./status.ts";

const masters = "system:masters";
const authenticated = "system:authenticated";
const notAllowed = "the embedded home has no RBAC: only members of system:masters may use it";

export const isMaster = ({ groups }: Pick<UserInfo, "groups">): boolean => groups.includes(masters);

interface Headers {
  readonly [name: string]: string | readonly string[] | undefined;
}
const listOf = (value: string | readonly string[] | undefined): string[] =>
  value === undefined ? [] : typeof value === "string" ? value.split(/,\s*/) : [...value];

/** `kubectl --as`. @throws ApiError 403 unless the caller is an administrator. */
export function impersonated(user: UserInfo, headers: Headers): UserInfo {
  const [username] = listOf(headers["impersonate-user"]);
  if (username === undefined) return user;
  if (!isMaster(user))
    throw forbiddenTo(user, `cannot impersonate resource "users" in API group "" at the cluster scope`);
  const account = /^system:serviceaccount:([^:]+):/.exec(username)?.[1];
  const implied = account === undefined ? [] : ["system:serviceaccounts", `system:serviceaccounts:${account}`];
  return { username, groups: [...new Set([...listOf(headers["impersonate-group"]), ...implied, authenticated])] };
}

const forbiddenTo = ({ username }: UserInfo, what: string): Error =>
  refusal({
    code: 403,
    reason: "Forbidden",
    message: `forbidden: User ${JSON.stringify(username)} ${what}: ${notAllowed}`,
    details: {} as NonNullable<Status["details"]>,
  });

const selfReview = /^\/apis\/(authorization|authentication)\.k8s\.io\/v1\/self/;
const discovery = /^\/(api|apis|openapi|version|healthz|livez|readyz)(\/[^/]+){0,2}\/?$/;

const verbs = { GET: "get", POST: "create", PUT: "update", PATCH: "patch", DELETE: "delete" } as const;

/** What a request does, in the words of a review. */
function attempt({ method, path, query = {} }: ApiRequest): string {
  const route = parseRoute(path);
  if (route === undefined) return `cannot ${verbs[method]} path "${path}"`;
  const isWatch = isSwitchedOn(query["watch"]);
  const verb =
    method === "GET" && isWatch ? "watch" : method === "GET" && route.name === undefined ? "list" : verbs[method];
  const resource = [route.plural, ...(route.subresource === undefined ? [] : [route.subresource])].join("/");
  const where = route.namespace === undefined ? "at the cluster scope" : `in the namespace "${route.namespace}"`;
  return `cannot ${verb} resource "${resource}" in API group "${route.group}" ${where}`;
}

/** For requests from outside. @throws ApiError 403 */
export function authorize(request: ApiRequest, user: UserInfo): void {
  if (isMaster(user)) return;
  const isOpen = request.method === "GET" ? discovery.test(request.path) : selfReview.test(request.path);
  if (!isOpen) throw forbiddenTo(user, attempt(request));
}

const reviews: Readonly<Record<string, { group: string; kind: string; namespaced?: boolean }>> = {
  selfsubjectaccessreviews: { group: "authorization.k8s.io", kind: "SelfSubjectAccessReview" },
  subjectaccessreviews: { group: "authorization.k8s.io", kind: "SubjectAccessReview" },
  localsubjectaccessreviews: { group: "authorization.k8s.io", kind: "LocalSubjectAccessReview", namespaced: true },
  selfsubjectrulesreviews: { group: "authorization.k8s.io", kind: "SelfSubjectRulesReview" },
  selfsubjectreviews: { group: "authentication.k8s.io", kind: "SelfSubjectReview" },
};

/** For discovery. */
export const reviewResources = Object.entries(reviews).map(([plural, { group, kind, namespaced = false }]) => ({
  plural,
  group,
  kind,
  namespaced,
}));

interface ReviewSpec {
  user?: string;
  groups?: string[];
  resourceAttributes?: { namespace?: string };
  nonResourceAttributes?: object;
}

/** The user that a review asks about. @throws ApiError 400 */
function subjectOf(
  kind: string,
  spec: ReviewSpec,
  { user, namespace }: { user: UserInfo; namespace: string | undefined },
): UserInfo {
  const asksAbout = [spec.resourceAttributes, spec.nonResourceAttributes].filter((one) => one !== undefined);
  if (asksAbout.length !== 1)
    throw badRequest(`${kind}: exactly one of spec.resourceAttributes and spec.nonResourceAttributes must be set`);
  if (kind === "SelfSubjectAccessReview") return user;
  if (!spec.user && (spec.groups ?? []).length === 0)
    throw badRequest(`${kind}: at least one of spec.user and spec.groups must be set`);
  if (namespace !== undefined && spec.resourceAttributes?.namespace !== namespace)
    throw badRequest(`${kind}: spec.resourceAttributes.namespace must be "${namespace}", the namespace of the request`);
  return { username: spec.user ?? "", groups: spec.groups ?? [] };
}

function statusOf(kind: string, spec: ReviewSpec, about: { user: UserInfo; namespace: string | undefined }): object {
  if (kind === "SelfSubjectReview") return { userInfo: about.user };
  if (kind === "SelfSubjectRulesReview") {
    const everything = isMaster(about.user);
    const all = ["*"];
    return {
      resourceRules: everything ? [{ verbs: all, apiGroups: all, resources: all }] : [],
      nonResourceRules: everything ? [{ verbs: all, nonResourceURLs: all }] : [],
      incomplete: false,
    };
  }
  const allowed = isMaster(subjectOf(kind, spec, about));
  return allowed ? { allowed, reason: `member of ${masters}` } : { allowed, reason: notAllowed };
}

/** Undefined: not a review. @throws ApiError 400, 404, 405 */
export function answerReview(request: ApiRequest, user: UserInfo): AnyObject | undefined {
  const route = parseRoute(request.path);
  if (route === undefined || !["authorization.k8s.io", "authentication.k8s.io"].includes(route.group)) return undefined;
  const review = Object.hasOwn(reviews, route.plural) ? reviews[route.plural] : undefined;
  const isWrong = review?.group !== route.group || (review.namespaced === true) !== (route.namespace !== undefined);
  if (review === undefined || isWrong || route.version !== "v1" || route.name !== undefined) throw unknownResource();
  if (request.method !== "POST") throw methodNotAllowed();
  const body = (request.body ?? {}) as Partial<AnyObject> & { spec?: ReviewSpec };
  const { kind } = review;
  const spec = body.spec ?? {};
  return {
    kind,
    apiVersion: `${review.group}/v1`,
    metadata: { ...body.metadata, creationTimestamp: null },
    ...(kind === "SelfSubjectReview" ? {} : { spec }),
    status: statusOf(kind, spec, { user, namespace: route.namespace }),
  } as unknown as AnyObject;
}
