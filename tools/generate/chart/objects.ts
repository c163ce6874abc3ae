// SPDX-License-Identifier: Apache-2.0
// The objects of the manifests with holes where the chart has values. Pure.
import type { AnyObject } from "@serval/api";
import { installObjects } from "../../../packages/cli/src/install/objects.ts";
import { defaultInstallOptions } from "../../../packages/cli/src/install/options.ts";
import type { Holes } from "./holes.ts";
import { aliased } from "./kserve-values.ts";

type Part = "operator" | "gateway";

export interface ChartObject {
  readonly object: AnyObject;
  /** As it is in the manifest. */
  readonly original: AnyObject;
  /** Conditions that must all hold. */
  readonly when: readonly string[];
}

/** Deep copies: objects share parts, and a hole belongs to one place. */
type Loose = Record<string, never> & { [key: string]: Loose };
const loose = (object: AnyObject): Loose => structuredClone(object) as unknown as Loose;

/** As many objects as there may be: with disruption budgets for both. */
const everything = (): readonly AnyObject[] =>
  installObjects({
    ...defaultInstallOptions,
    operator: { ...defaultInstallOptions.operator, replicas: 2 },
    gateway: { ...defaultInstallOptions.gateway, replicas: 2 },
  });

const partOf = ({ metadata }: AnyObject): Part | undefined =>
  metadata.name === "serval-gateway" ? "gateway" : metadata.name === "serval-operator" ? "operator" : undefined;

const prefixOf = (part: Part): string => (part === "gateway" ? "gateway." : "");
const accountName = (part: Part): string => `include "serval.${part}Account" .`;
const fullName = (part: Part): string => `printf "%s-${part}" (include "serval.fullname" .)`;

function conditions(object: AnyObject, part: Part | undefined): string[] {
  const prefix = part === undefined ? "" : prefixOf(part);
  return [
    ...(object.kind === "Namespace" ? [".Values.createNamespace"] : []),
    ...(part === "gateway" ? [".Values.gateway.enabled"] : []),
    ...(object.kind === "ServiceAccount" ? [`.Values.${prefix}serviceAccount.create`] : []),
    ...(object.kind === "PodDisruptionBudget" ? [`gt (int .Values.${prefix}replicaCount) 1`] : []),
  ];
}

function fillDeployment(spec: Loose, part: Part, holes: Holes): void {
  const value = (path: string): string => (part === "operator" ? aliased(path) : `.Values.gateway.${path}`);
  const put = (target: Loose, values: Record<string, unknown>): void => void Object.assign(target, values);
  put(spec, { replicas: holes.inline(`.Values.${prefixOf(part)}replicaCount`) });
  const template = spec["template"]!;
  put(template["metadata"]!, { annotations: holes.block(value("podAnnotations")) });
  const pod = template["spec"]!;
  const [container] = pod["containers"] as unknown as [Loose];
  const list = (target: Loose, key: string): unknown[] => (target[key] ?? []) as unknown as unknown[];
  put(pod, {
    serviceAccountName: holes.inline(accountName(part)),
    securityContext: holes.block(value("podSecurityContext")),
    volumes: [...list(pod, "volumes"), holes.items(`.Values.${prefixOf(part)}extraVolumes`)],
    nodeSelector: holes.block(value("nodeSelector")),
    tolerations: holes.block(value("tolerations")),
    affinity: holes.block(value("affinity")),
    priorityClassName: holes.block(`.Values.${prefixOf(part)}priorityClassName`),
    imagePullSecrets: holes.block(aliased("imagePullSecrets")),
  });
  const env = list(container, "env");
  put(container, {
    image: holes.inline('include "serval.image" .'),
    imagePullPolicy: holes.inline(".Values.image.pullPolicy"),
    args: argumentsOf(list(container, "args") as string[], part, holes),
    env: env.length === 0 ? holes.block(value("extraEnv")) : [...env, holes.items(value("extraEnv"))],
    resources: holes.block(value("resources")),
    securityContext: holes.block(value("securityContext")),
    volumeMounts: [...list(container, "volumeMounts"), holes.items(value("extraVolumeMounts"))],
  });
}

function argumentsOf(args: readonly string[], part: Part, holes: Holes): string[] {
  const replaced = args.map((arg) =>
    arg.startsWith("--gateway=")
      ? `--gateway=${holes.inline(".Values.gateway.enabled")}`
      : arg.startsWith("--repository=")
        ? `--repository=${holes.inline('include "serval.repository" .')}`
        : arg.startsWith("--image-tag=")
          ? `--image-tag=${holes.inline('include "serval.tag" .')}`
          : arg.startsWith("--service=")
            ? `--service=${holes.inline(".Release.Namespace")}/${holes.inline(fullName(part))}`
            : arg,
  );
  const flags = [
    '(ternary (list) (list "--install=false") .Values.crds.install)',
    '(ternary (list) (list (printf "--log-level=%s" .Values.logLevel)) (eq .Values.logLevel "info"))',
  ];
  return [
    ...replaced,
    ...(part === "operator" ? flags.map((flag) => holes.items(flag)) : []),
    holes.items(`.Values.${prefixOf(part)}extraArgs`),
  ];
}

/** Names and labels that occur in every object. */
function fillNames(object: Loose, part: Part | undefined, holes: Holes): void {
  const { kind } = object as unknown as AnyObject;
  const metadata = object["metadata"] as unknown as Record<string, unknown>;
  const release = holes.inline(".Release.Namespace");
  if (kind === "Namespace") metadata["name"] = release;
  if (metadata["namespace"] !== undefined) metadata["namespace"] = release;
  const renamed = ["Deployment", "ServiceAccount", "PodDisruptionBudget", "Service"];
  if (part !== undefined && renamed.includes(kind))
    metadata["name"] = holes.inline(kind === "ServiceAccount" ? accountName(part) : fullName(part));
  for (const subject of (object["subjects"] ?? []) as unknown as Record<string, unknown>[]) {
    subject["namespace"] = release;
    if (part !== undefined) subject["name"] = holes.inline(accountName(part));
  }
}

function fillLabels(node: unknown, holes: Holes): void {
  if (typeof node !== "object" || node === null) return;
  const map = node as Record<string, unknown>;
  if (map["app.kubernetes.io/name"] !== undefined)
    map["app.kubernetes.io/name"] = holes.inline('include "serval.name" .');
  if (map["app.kubernetes.io/version"] !== undefined)
    map["app.kubernetes.io/version"] = holes.inline(".Chart.AppVersion | quote");
  for (const child of Object.values(map)) fillLabels(child, holes);
}

/** A line of the label map that brings the others; selectors stay as they are. */
function addCommonLabels(object: Loose, holes: Holes): void {
  const pods = (object["spec"]?.["template"] as Loose | undefined)?.["metadata"];
  for (const metadata of [object["metadata"], pods])
    if (metadata?.["labels"] !== undefined)
      Object.assign(metadata["labels"], { [holes.entries(".Values.commonLabels")]: null });
}

export function chartObjects(holes: Holes): ChartObject[] {
  return everything().map((source) => {
    const object = loose(source);
    const part = partOf(source);
    fillNames(object, part, holes);
    fillLabels(object, holes);
    addCommonLabels(object, holes);
    const metadata = object["metadata"] as unknown as Record<string, unknown>;
    if (source.kind === "ServiceAccount" && part !== undefined)
      metadata["annotations"] = holes.block(`.Values.${prefixOf(part)}serviceAccount.annotations`);
    if (source.kind === "Service" && part === "gateway") {
      metadata["annotations"] = holes.block(".Values.gateway.service.annotations");
      (object["spec"] as unknown as Record<string, unknown>)["type"] = holes.inline(".Values.gateway.service.type");
    }
    if (source.kind === "Deployment" && part !== undefined) fillDeployment(object["spec"]!, part, holes);
    return { object: object as unknown as AnyObject, original: source, when: conditions(source, part) };
  });
}
