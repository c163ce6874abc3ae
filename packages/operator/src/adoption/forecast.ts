// SPDX-License-Identifier: Apache-2.0
// What the operator will do to each object of a service when it begins to act: said before it does, and asked again until
// nothing is left to do.
import {
  type Deployment,
  type InferenceService,
  type Key,
  type KubeObject,
  keyOf,
  keyText,
  type Mode,
  modeOf,
  type Role,
} from "@serval/api";
import type { Cluster } from "@serval/kube";
import type { ChildKind } from "../children/children.ts";
import { differingFields, matches } from "../children/drift.ts";
import { fieldManager } from "../children/field-manager.ts";
import { buildRoutes, buildWorkloads, childKey, wantedKeys } from "../controllers/inference-service/build.ts";
import { type ObserveDeps, observe } from "../controllers/inference-service/observe.ts";
import { type Resolved, resolve } from "../controllers/inference-service/resolve.ts";
import { originOf } from "./kserve-form.ts";
import { standingOf } from "./mark.ts";
import { isMadeByKserve } from "./ownership.ts";
import { mayStay } from "./staying.ts";

/**
 * `ours`: nothing. `kept`: KServe's template stays. `owner`: only whose fields they are. `content`: fields too. `rolled`:
 * its pods are replaced, since the service was edited and KServe has not followed.
 */
export type Effect = "ours" | "kept" | "owner" | "content" | "created" | "deleted" | "rolled";

export interface Forecast {
  /** `Kind namespace/name`. */
  readonly object: string;
  readonly effect: Effect;
  /** Fields whose content changes. */
  readonly fields: readonly string[];
  /** KServe made it and we have not taken it over. */
  readonly isKserves: boolean;
}

export interface ServiceForecast {
  readonly service: string;
  readonly mode: Mode;
  readonly isReady: boolean;
  /** Why the operator would not serve it; undefined: it does. */
  readonly problem?: string | undefined;
  readonly objects: readonly Forecast[];
}

const nameOf = (object: KubeObject): string => `${object.kind} ${keyText(keyOf(object))}`;

const isReady = ({ status }: InferenceService): boolean =>
  status?.conditions?.some(({ type, status: truth }) => type === "Ready" && truth === "True") === true;

async function ofDeployment(
  cluster: Cluster | undefined,
  resolved: Resolved,
  pair: { wanted: Deployment; stored: Deployment },
) {
  const { wanted, stored } = pair;
  const standing = standingOf(stored, wanted);
  if (standing === "kept") return "ours";
  if (standing === "outdated") return "rolled";
  if (standing === "undecided")
    return cluster === undefined || (await mayStay(cluster, stored, originOf(resolved))) ? "kept" : "rolled";
  return matches(wanted as KubeObject, stored as KubeObject, fieldManager) ? "ours" : "rolled";
}

const standingOfAny = (wanted: KubeObject, stored: KubeObject) =>
  wanted.kind === "Deployment" ? standingOf(stored as Deployment, wanted as Deployment) : "undecided";

async function ofObject(
  cluster: Cluster | undefined,
  resolved: Resolved,
  pair: { wanted: KubeObject; stored?: KubeObject },
) {
  const { wanted, stored } = pair;
  const object = nameOf(wanted);
  const isKserves = stored !== undefined && isMadeByKserve(stored) && standingOfAny(wanted, stored) !== "kept";
  const said = (effect: Effect, fields: readonly string[] = []): Forecast => ({ object, effect, fields, isKserves });
  if (stored === undefined) return said("created");
  if (wanted.kind === "Deployment")
    return said(
      await ofDeployment(cluster, resolved, { wanted, stored } as { wanted: Deployment; stored: Deployment }),
    );
  const fields = differingFields(wanted, stored);
  if (fields.length > 0) return said("content", fields);
  return said(isKserves ? "owner" : "ours");
}

/** Of everything that a resolved service wants and has. @throws ServalError when it cannot be built. */
async function objectsOf(cluster: Cluster | undefined, deps: ObserveDeps, resolved: Resolved): Promise<Forecast[]> {
  const { children, caches } = deps;
  const workloads = buildWorkloads(resolved);
  const service = caches.services.get(keyOf(resolved.isvc));
  const wasReady = (role: Role): boolean => service?.status?.components?.[role]?.url !== undefined;
  const wanted = [...workloads, ...buildRoutes(resolved, wasReady)];
  const known = wantedKeys(resolved, workloads);
  const forecasts: Forecast[] = [];
  for (const object of wanted) {
    if (children.typeOf(object.kind as ChildKind) === undefined) continue;
    const stored = children.get(object.kind as ChildKind, keyOf(object));
    forecasts.push(
      await ofObject(cluster, resolved, stored === undefined ? { wanted: object } : { wanted: object, stored }),
    );
  }
  const unwanted = children.ownedBy(resolved.isvc.metadata.uid ?? "").filter((child) => !known.has(childKey(child)));
  return [
    ...forecasts,
    ...unwanted.map((child) => ({ object: nameOf(child), effect: "deleted" as const, fields: [], isKserves: false })),
  ];
}

async function ofService(
  cluster: Cluster | undefined,
  deps: ObserveDeps,
  key: Key,
): Promise<ServiceForecast | undefined> {
  const observed = await observe(deps, key);
  if (observed === undefined) return undefined;
  const { stored, config } = observed;
  const mode = modeOf(stored, config.deploy.defaultDeploymentMode);
  const base = { service: keyText(key), mode, isReady: isReady(stored) };
  const resolution = resolve(observed);
  if ("failure" in resolution) return { ...base, problem: resolution.failure.message, objects: [] };
  try {
    return { ...base, objects: await objectsOf(cluster, deps, resolution.resolved) };
  } catch (error) {
    return { ...base, problem: (error as Error).message, objects: [] };
  }
}

/**
 * Every service of the cluster, as things are now.
 *
 * @param cluster for the dry runs that tell whether a Deployment may stay; absent: only the caches are asked.
 * @throws ApiError.
 */
export async function forecastAll(cluster: Cluster | undefined, deps: ObserveDeps): Promise<ServiceForecast[]> {
  const forecasts: ServiceForecast[] = [];
  for (const isvc of deps.caches.services.list()) {
    const forecast = await ofService(cluster, deps, keyOf(isvc));
    if (forecast !== undefined) forecasts.push(forecast);
  }
  return forecasts.sort((a, b) => (a.service < b.service ? -1 : 1));
}
