// SPDX-License-Identifier: Apache-2.0
// Cases recorded from KServe's real controllers, as data for tests. Found beside the repository or by SERVAL_GOLDEN.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { AnyObject, ClusterStorageContainer, Secret, ServiceAccount } from "@serval/api";
import { parse, parseAllDocuments } from "yaml";
import type { PodFacts } from "../pod/facts.ts";

export const goldenFolder =
  process.env["SERVAL_GOLDEN"] ?? new URL("../../../../../shared/golden", import.meta.url).pathname;
/** For node:test's `skip`: false when the cases are there. */
export const noGolden: string | false = existsSync(goldenFolder)
  ? false
  : `the golden cases are not at ${goldenFolder} (set SERVAL_GOLDEN)`;

export interface GoldenStep {
  do: Record<string, unknown> & { apply?: string[]; input?: AnyObject[] };
  added?: Record<string, AnyObject>;
  changed?: Record<string, Partial<AnyObject>>;
  removed?: string[];
}

export interface GoldenCase {
  case: string;
  mode: string;
  context: { overrides?: Record<string, unknown> };
  error: { object?: string; op: string; message: string; reason?: string }[] | null;
  input?: AnyObject[];
  /** Absent where everything was refused. */
  outputs?: Record<string, AnyObject>;
  status_before_ready?: Record<string, Record<string, unknown>>;
  status_after_ready?: Record<string, Record<string, unknown>>;
  events?: { type: string; reason: string; message: string; object: string }[];
  sequence?: boolean;
  steps?: GoldenStep[];
}

const read = (path: string): unknown => parse(readFileSync(join(goldenFolder, path), "utf8"), { maxAliasCount: -1 });

export const goldenCases = (folder: string): GoldenCase[] =>
  noGolden === false
    ? readdirSync(join(goldenFolder, folder))
        .filter((name) => name.endsWith(".yaml"))
        .map((name) => read(`${folder}/${name}`) as GoldenCase)
    : [];

/** ConfigMap data of a mode with the case's overrides merged over it; null removes a key. */
export function goldenConfig(folder: string, overrides: Record<string, unknown> = {}): Record<string, string> {
  const mode = folder === "validation" ? "raw-ingress" : folder;
  const { data } = read(`context/configmap/${mode}.yaml`) as { data: Record<string, string> };
  const merged: Record<string, string> = { ...data };
  for (const [key, value] of Object.entries(overrides)) {
    if (value === null) delete merged[key];
    else if (typeof value === "string") merged[key] = value;
    else merged[key] = JSON.stringify({ ...(JSON.parse(merged[key] ?? "{}") as object), ...(value as object) });
  }
  return merged;
}

export const goldenRuntimes = (): AnyObject[] =>
  parseAllDocuments(readFileSync(join(goldenFolder, "context/clusterservingruntimes.yaml"), "utf8"))
    .map((document) => document.toJS() as AnyObject | null)
    .filter((object): object is AnyObject => object !== null);

/** What the recording cluster knew: the inputs, its own storage container, and the service account of every namespace. */
export function goldenFacts(inputs: readonly AnyObject[]): PodFacts {
  const ofKind = (kind: string): AnyObject[] => inputs.filter((object) => object.kind === kind);
  const named = (kind: string, name: string): unknown => ofKind(kind).find(({ metadata }) => metadata.name === name);
  const shipped = read("context/clusterstoragecontainer-default.yaml") as AnyObject;
  return {
    serviceAccount: (name) => named("ServiceAccount", name) as ServiceAccount | undefined,
    secret: (name) => named("Secret", name) as Secret | undefined,
    // The API server lists by name.
    storageContainers: [shipped, ...ofKind("ClusterStorageContainer")].toSorted((a, b) =>
      (a.metadata.name ?? "") < (b.metadata.name ?? "") ? -1 : 1,
    ) as unknown as ClusterStorageContainer[],
    kubernetesMinor: 34,
  };
}
