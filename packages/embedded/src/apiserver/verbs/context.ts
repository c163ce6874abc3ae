// SPDX-License-Identifier: Apache-2.0
// What every verb works with: the server's parts, and one request after its path and query are understood.
import { type AnyObject, apiVersionOf } from "@serval/api";
import type { AdmissionPlugin, ApiRequest, UserInfo } from "@serval/kube";
import type {
  ApplyDefaults,
  ConvertVersion,
  JsonPatch,
  MergePatch,
  Prune,
  ServerSideApply,
  StrategicMergePatch,
  TrackUpdate,
  ValidateSchema,
} from "@serval/kube/patch/contract";
import type { Store } from "../../store/index.ts";
import type { AddressPool } from "../kinds/service.ts";
import type { PodLogs } from "../pod-logs.ts";
import type { ResourceMetrics } from "../resource-metrics.ts";
import type { Registry } from "../resources/registry.ts";
import type { Resource } from "../resources/resource.ts";
import type { Rendering } from "../table/render.ts";
import type { Turns } from "../turns.ts";

export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface MergeFunctions {
  readonly jsonPatch: JsonPatch;
  readonly mergePatch: MergePatch;
  readonly strategicMergePatch: StrategicMergePatch;
  readonly serverSideApply: ServerSideApply;
  readonly trackUpdate: TrackUpdate;
  readonly prune: Prune;
  readonly applyDefaults: ApplyDefaults;
  readonly validateSchema: ValidateSchema;
}

export interface ServerContext {
  readonly store: Store;
  readonly registry: Registry;
  readonly merge: MergeFunctions;
  readonly admission: readonly AdmissionPlugin[];
  readonly addresses: AddressPool;
  readonly turns: Turns;
  /** After an event was written. */
  readonly expireEvents: () => Promise<void>;
  readonly podLogs: PodLogs | undefined;
  readonly metrics: ResourceMetrics | undefined;
  readonly now: () => Date;
  readonly uid: () => string;
  readonly log: Logger;
}

export type FieldValidation = "Strict" | "Warn" | "Ignore";

/** One request on one resource. `warnings` is filled while it is served. */
export interface Call {
  readonly context: ServerContext;
  readonly request: ApiRequest;
  readonly resource: Resource;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
  readonly query: Readonly<Record<string, string>>;
  readonly user: UserInfo;
  readonly manager: string;
  readonly dryRun: boolean;
  readonly fieldValidation: FieldValidation;
  readonly rendering: Rendering;
  readonly warnings: string[];
  /** Keys that the body's text has twice; only the HTTP front can know. */
  readonly duplicateFields: readonly string[];
}

/** A call on one named object. */
export type NamedCall = Call & { readonly name: string };

export const shownAs = (resource: Resource, stored: AnyObject): AnyObject =>
  resource.view?.fromStored(stored) ?? stored;
export const storedAs = (resource: Resource, shown: AnyObject): AnyObject => resource.view?.toStored(shown) ?? shown;

/** For merging what managers of several API versions own: custom kinds in each of their versions. */
export const versionsOf =
  ({ context, resource }: Pick<Call, "context" | "resource">): ConvertVersion =>
  (object, apiVersion) => {
    const inVersion = (version: string): Resource | undefined =>
      context.registry.resources.find(
        ({ type, prefix }) => prefix === resource.prefix && apiVersionOf(type) === version,
      );
    const [from, to] = [inVersion(object.apiVersion), inVersion(apiVersion)];
    if (!resource.custom || from === undefined || to === undefined) return undefined;
    return { object: shownAs(to, storedAs(from, object)), type: to.schema };
  };
