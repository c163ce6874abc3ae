// SPDX-License-Identifier: Apache-2.0
// The kinds themselves: our CustomResourceDefinitions as this release has them, Gateway API's where there are none.
import {
  type ConversionClient,
  type CustomResourceDefinition,
  type KubeObject,
  keyOf,
  release,
  resources,
  servingCrds,
} from "@serval/api";
import gatewayApiCrds from "@serval/api/core/gateway-api-crds.gen.json" with { type: "json" };
import type { Cluster } from "@serval/kube";
import { needsApply } from "../children/drift.ts";
import { injectorAnnotation } from "../webhooks/register.ts";
import { type Ensured, ensureExists, installAnnotations, installManager, isNewer, withAnnotations } from "./ensure.ts";

export const gatewayCrds = gatewayApiCrds as unknown as readonly CustomResourceDefinition[];

const stampedCrds = (conversion: ConversionClient | undefined): CustomResourceDefinition[] =>
  servingCrds(conversion === undefined ? {} : { conversion }).map((crd) =>
    withAnnotations(crd, { [installAnnotations.release]: release }),
  );

export interface KindsOptions {
  /** Gateway API's, where there are none. */
  readonly gateway: boolean;
  /** Who converts kinds with several versions; absent: nobody yet. */
  readonly conversion?: ConversionClient | undefined;
}

interface WithConversion extends KubeObject {
  readonly spec: {
    readonly conversion?: { readonly webhook?: { readonly clientConfig?: { readonly service?: unknown } } };
  };
}

/** What server-side apply would leave beside ours: an injector of authorities, an address of another shape. */
function leftovers(stored: KubeObject, wanted: KubeObject): object | undefined {
  const isInjected = stored.metadata.annotations?.[injectorAnnotation] !== undefined;
  const serviceOf = (object: KubeObject): unknown =>
    (object as WithConversion).spec.conversion?.webhook?.clientConfig?.service;
  const hasOther =
    (wanted as WithConversion).spec.conversion !== undefined &&
    (serviceOf(stored) === undefined) !== (serviceOf(wanted) === undefined);
  if (!isInjected && !hasOther) return undefined;
  return {
    ...(isInjected ? { metadata: { annotations: { [injectorAnnotation]: null } } } : {}),
    ...(hasOther ? { spec: { conversion: { strategy: "None", webhook: null } } } : {}),
  };
}

/**
 * One of ours: taken over from whoever made it, as its fields are a superset, and never taken back to an older release.
 * @throws ApiError.
 */
async function ensureCrd(cluster: Cluster, wanted: CustomResourceDefinition): Promise<Ensured> {
  const stored = await cluster.get(resources.customResourceDefinitions, keyOf(wanted));
  if (stored !== undefined && isNewer(stored)) return "newer";
  if (!needsApply(wanted as KubeObject, stored as KubeObject | undefined, installManager)) return "unchanged";
  const left = stored === undefined ? undefined : leftovers(stored as KubeObject, wanted as KubeObject);
  if (left !== undefined)
    await cluster.patch(resources.customResourceDefinitions, keyOf(wanted), { type: "merge", body: left });
  await cluster.apply(resources.customResourceDefinitions, wanted, { fieldManager: installManager, force: true });
  return stored === undefined ? "created" : "updated";
}

export type EnsuredObjects = readonly (readonly [name: string, ensured: Ensured])[];

/** One after the other: each is close to what an API server takes in one request. @throws ApiError. */
export async function ensureKinds(cluster: Cluster, options: KindsOptions): Promise<EnsuredObjects> {
  const done: (readonly [string, Ensured])[] = [];
  for (const crd of stampedCrds(options.conversion))
    done.push([crd.metadata.name ?? "", await ensureCrd(cluster, crd)]);
  if (!options.gateway) return done;
  for (const crd of gatewayCrds)
    done.push([crd.metadata.name ?? "", await ensureExists(cluster, resources.customResourceDefinitions, crd)]);
  return done;
}

/** Of every kind that this release brings. */
export const crdNames = (): string[] => servingCrds().map(({ metadata }) => metadata.name ?? "");
