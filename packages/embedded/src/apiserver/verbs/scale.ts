// SPDX-License-Identifier: Apache-2.0
// The scale subresource: `autoscaling/v1` Scale over two paths of the object.
// Source: k8s.io/kubernetes/pkg/registry/apps/deployment/storage, apiextensions-apiserver customresource/etcd.go
import type { AnyObject } from "@serval/api";
import type { ScalePaths } from "../resources/resource.ts";
import { selectorText } from "../selector.ts";
import { badRequest, invalid } from "../status.ts";
import type { NamedCall } from "./context.ts";
import { checkPreconditions, entryOf, replace, untilWritten } from "./update.ts";

const pathOf = (dotted: string): string[] => dotted.split(".").filter((part) => part !== "");

function read(object: AnyObject, dotted: string): unknown {
  let value: unknown = object;
  for (const key of pathOf(dotted)) value = (value as Record<string, unknown> | undefined)?.[key];
  return value;
}

function write(object: AnyObject, dotted: string, value: unknown): void {
  const path = pathOf(dotted);
  let node = object as Record<string, unknown>;
  for (const key of path.slice(0, -1)) {
    node[key] ??= {};
    node = node[key] as Record<string, unknown>;
  }
  node[path.at(-1) as string] = value;
}

function scaleOf(object: AnyObject, paths: ScalePaths): AnyObject {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const replicas = read(object, paths.specReplicasPath);
  const selector =
    paths.labelSelectorPath === undefined ? undefined : selectorText(read(object, paths.labelSelectorPath));
  return {
    kind: "Scale",
    apiVersion: "autoscaling/v1",
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: replicas === undefined ? {} : { replicas },
    status: { replicas: read(object, paths.statusReplicasPath) ?? 0, ...(selector === undefined ? {} : { selector }) },
  };
}

const pathsOf = ({ resource }: NamedCall): ScalePaths => resource.scale as ScalePaths;

export const getScale = (call: NamedCall): AnyObject => scaleOf(entryOf(call).value, pathsOf(call));

/** PUT and merge PATCH of a Scale: only `spec.replicas` is taken. @throws ApiError 422 below zero. */
export async function writeScale(call: NamedCall): Promise<AnyObject> {
  const { request, resource, context } = call;
  const paths = pathsOf(call);
  const stored = await untilWritten(call, async (entry) => {
    const current = scaleOf(entry.value, paths);
    const patched = patchedScale(call, current, context.merge) as AnyObject | undefined;
    if (request.method === "PUT") checkPreconditions(call, entry.value, patched?.metadata ?? {});
    const replicas = (patched?.["spec"] as { replicas?: unknown } | undefined)?.replicas ?? 0;
    if (!Number.isInteger(replicas) || (replicas as number) < 0) {
      throw invalid({ group: "autoscaling", plural: "scales", kind: "Scale" }, call.name, [
        {
          path: "spec.replicas",
          reason: "FieldValueInvalid",
          message: `Invalid value: ${JSON.stringify(replicas)}: must be greater than or equal to 0`,
        },
      ]);
    }
    const next = structuredClone(entry.value);
    write(next, paths.specReplicasPath, replicas);
    return replace({ ...call, resource }, entry, { next, tracked: false });
  });
  return scaleOf(stored, paths);
}

function patchedScale({ request }: NamedCall, current: AnyObject, merge: NamedCall["context"]["merge"]): unknown {
  if (request.method === "PUT") return request.body;
  const mediaType = request.contentType ?? "";
  if (mediaType.startsWith("application/json-patch")) return merge.jsonPatch(current, request.body as unknown[]);
  if (/^application\/(strategic-)?merge-patch/.test(mediaType)) return merge.mergePatch(current, request.body);
  throw badRequest("a Scale is changed by PUT, a JSON patch or a merge patch here");
}
