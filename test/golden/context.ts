// SPDX-License-Identifier: Apache-2.0
// The cluster that a case was recorded on: ConfigMap, runtimes, storage container, neighbours' CRDs.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type AnyObject, type CustomResourceDefinition, configMapName, servingCrds, servingGroup } from "@serval/api";
import gatewayApiCrds from "@serval/api/core/gateway-api-crds.gen.json" with { type: "json" };
import { parseAllDocuments } from "yaml";
import { type FoundCase, readYaml } from "./case.ts";

export const namespace = "golden";
const kserveNamespace = "kserve";

/** ConfigMap data of the case: its mode's, with the overrides merged over it; null removes a key. */
export function configData({ golden, contextDir }: FoundCase): Record<string, string> {
  const mode = (golden.context.configmap ?? `${golden.mode}.yaml`).split("/").at(-1) ?? "";
  const { data } = readYaml(join(contextDir, "configmap", mode)) as { data: Record<string, string> };
  const merged: Record<string, string> = { ...data };
  for (const [key, value] of Object.entries(golden.context.overrides ?? {})) {
    if (value === null) delete merged[key];
    else if (typeof value === "string") merged[key] = value;
    else merged[key] = overridden(merged[key], value as Readonly<Record<string, unknown>>);
  }
  return merged;
}

/** Keys of one JSON value are overridden one by one; null removes one of them. */
function overridden(text: string | undefined, override: Readonly<Record<string, unknown>>): string {
  const merged = { ...(JSON.parse(text ?? "{}") as object), ...override };
  return JSON.stringify(Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== null)));
}

export const configMap = (found: FoundCase): AnyObject => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: configMapName, namespace: kserveNamespace },
  data: configData(found),
});

export const documents = (path: string): AnyObject[] =>
  existsSync(path)
    ? parseAllDocuments(readFileSync(path, "utf8"))
        .map((document) => document.toJS() as AnyObject | null)
        .filter((object): object is AnyObject => object !== null)
    : [];

const cached = <T>(read: (contextDir: string) => T): ((contextDir: string) => T) => {
  const known = new Map<string, T>();
  return (contextDir) => {
    const value = known.get(contextDir) ?? read(contextDir);
    known.set(contextDir, value);
    return value;
  };
};

/** Cluster-scoped objects that were there before the case. */
export const clusterObjects = cached((contextDir: string): readonly AnyObject[] => [
  ...documents(join(contextDir, "clusterservingruntimes.yaml")),
  ...documents(join(contextDir, "clusterstoragecontainer-default.yaml")),
]);

/** Ours for our kinds and Gateway API, the context's for everybody else's. */
export const allCrds = cached((contextDir: string): readonly CustomResourceDefinition[] => {
  const ours = [...servingCrds(), ...(gatewayApiCrds as unknown as CustomResourceDefinition[])];
  const names = new Set(ours.map(({ metadata }) => metadata.name));
  const dir = join(contextDir, "crds");
  if (!existsSync(dir)) return ours;
  const theirs = readdirSync(dir)
    .filter((name) => name.endsWith(".json"))
    .map((name) => JSON.parse(readFileSync(join(dir, name), "utf8")) as CustomResourceDefinition)
    .filter(({ spec, metadata }) => spec.group !== servingGroup && !names.has(metadata.name));
  return [...ours, ...theirs];
});
