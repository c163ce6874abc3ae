// SPDX-License-Identifier: Apache-2.0
// The kinds themselves: our CustomResourceDefinitions as this release has them, Gateway API's where there are none.
import { createHash } from "node:crypto";
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
import { differingFields } from "../children/drift.ts";
import { metadataCluster } from "../metadata-only.ts";
import { injectorAnnotation } from "../webhooks/register.ts";
import {
  createOnce,
  differs,
  type Ensured,
  installAnnotations,
  isAsReleased,
  isNewer,
  overwrite,
  withAnnotations,
} from "./ensure.ts";

export const gatewayCrds = gatewayApiCrds as unknown as readonly CustomResourceDefinition[];

const type = resources.customResourceDefinitions;

const withDigest = (crd: CustomResourceDefinition): CustomResourceDefinition =>
  withAnnotations(crd, {
    [installAnnotations.digest]: createHash("sha256").update(JSON.stringify(crd)).digest("base64url"),
  });

/** Ours, as they are written but for the stamps of that moment. */
export const releasedCrds = (conversion: ConversionClient | undefined): CustomResourceDefinition[] =>
  servingCrds(conversion === undefined ? {} : { conversion }).map(withDigest);

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
 * Whether what is there is what was written, judged by its metadata: the digest says what a release wrote, the generation
 * that nobody has changed it since. Pure.
 */
export function isAsWritten(wanted: CustomResourceDefinition, head: KubeObject): boolean {
  const { digest, release: by } = installAnnotations;
  const { annotations = {} } = head.metadata;
  const isOurs = annotations[by] === release && annotations[digest] === wanted.metadata.annotations?.[digest];
  if (!isOurs || !isAsReleased(head) || annotations[injectorAnnotation] !== undefined) return false;
  return differingFields(wanted.metadata, head.metadata).length === 0;
}

/**
 * One of ours: taken over from whoever made it, as its fields are a superset, and never taken back to an older release.
 * It is read only where its metadata do not show that it is as it should be.
 * @throws ApiError.
 */
async function ensureCrd(
  cluster: Cluster,
  wanted: CustomResourceDefinition,
  head: KubeObject | undefined,
): Promise<Ensured> {
  if (head !== undefined && isAsWritten(wanted, head)) return "unchanged";
  const found = await cluster.get(type, keyOf(wanted));
  if (found !== undefined && isNewer(found)) return "newer";
  if (found !== undefined && !differs(wanted, found)) return "unchanged";
  const left = found === undefined ? undefined : leftovers(found as KubeObject, wanted as KubeObject);
  const stored = left === undefined ? found : await cluster.patch(type, keyOf(wanted), { type: "merge", body: left });
  await overwrite(cluster, type, { wanted, stored });
  return stored === undefined ? "created" : "updated";
}

export type EnsuredObjects = readonly (readonly [name: string, ensured: Ensured])[];

/** One after the other: each is close to what an API server takes in one request. @throws ApiError. */
export async function ensureKinds(cluster: Cluster, options: KindsOptions): Promise<EnsuredObjects> {
  const done: (readonly [string, Ensured])[] = [];
  const { items } = await metadataCluster(cluster).list(type);
  const heads = new Map(items.map((head) => [head.metadata.name ?? "", head as KubeObject]));
  for (const crd of releasedCrds(options.conversion)) {
    const name = crd.metadata.name ?? "";
    done.push([name, await ensureCrd(cluster, crd, heads.get(name))]);
  }
  if (!options.gateway) return done;
  for (const crd of gatewayCrds) {
    const name = crd.metadata.name ?? "";
    done.push([name, heads.has(name) ? "unchanged" : await createOnce(cluster, type, crd)]);
  }
  return done;
}

/** Of every kind that this release brings. */
export const crdNames = (): string[] => servingCrds().map(({ metadata }) => metadata.name ?? "");
