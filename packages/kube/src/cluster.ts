// SPDX-License-Identifier: Apache-2.0
// How everything in Serval talks to a Kubernetes API. The two homes differ only in the transport under it.
import type { AnyObject, Key, KubeObject, ResourceType } from "@serval/api";
import type { Transport } from "./transport.ts";

/** Objects of one page of a list, as kubectl's. */
export const listPageSize = 500;

export interface ListOptions {
  /** All namespaces when absent. Ignored for cluster-scoped kinds. */
  namespace?: string | undefined;
  /** Kubernetes syntax: `a=b,c in (d,e),!f`. */
  labelSelector?: string | undefined;
  fieldSelector?: string | undefined;
  limit?: number;
  /** Token of the previous page. */
  continue?: string;
}

export interface ObjectList<T> {
  items: T[];
  /** Watch from here to miss nothing. */
  resourceVersion: string;
  continue?: string;
}

/** A `BOOKMARK` object carries only `metadata.resourceVersion`. `ERROR` events are thrown as ApiError. */
export type WatchEvent<T> =
  | { type: "ADDED" | "MODIFIED" | "DELETED"; object: T }
  | { type: "BOOKMARK"; object: { metadata: { resourceVersion: string } } };

export interface WatchOptions extends Omit<ListOptions, "limit" | "continue"> {
  resourceVersion?: string;
  /** Seconds after which the server ends the watch; the server's default (5 to 10 minutes) when absent. */
  timeoutSeconds?: number;
  signal?: AbortSignal;
}

export interface WriteOptions {
  fieldManager?: string;
  dryRun?: boolean;
  subresource?: "status" | "scale";
}

export interface ApplyOptions extends WriteOptions {
  fieldManager: string;
  /** Take fields over from other managers. Default false: a conflict is an ApiError 409. */
  force?: boolean;
}

export type Patch = { type: "json"; body: readonly unknown[] } | { type: "merge" | "strategic"; body: unknown };

export interface DeleteOptions {
  uid?: string;
  resourceVersion?: string;
  propagationPolicy?: "Background" | "Foreground" | "Orphan";
  gracePeriodSeconds?: number;
}

export interface ClusterReader {
  /** The object, or undefined when it does not exist. */
  get<T extends KubeObject>(type: ResourceType<T>, key: Key): Promise<T | undefined>;
  /** One page when `limit` is set, else everything. */
  list<T extends KubeObject>(type: ResourceType<T>, options?: ListOptions): Promise<ObjectList<T>>;
}

/** Every write returns the object as stored. @throws ApiError as the server says (409 conflict, 422 invalid, …). */
export interface ClusterWriter {
  create<T extends KubeObject>(type: ResourceType<T>, object: T, options?: WriteOptions): Promise<T>;
  /** Replaces; `metadata.resourceVersion`, when set, must be current (else 409). */
  update<T extends KubeObject>(type: ResourceType<T>, object: T, options?: WriteOptions): Promise<T>;
  patch<T extends KubeObject>(type: ResourceType<T>, key: Key, patch: Patch, options?: WriteOptions): Promise<T>;
  /** Server-side apply: creates or updates; fields that this manager stops sending are removed. */
  apply<T extends KubeObject>(type: ResourceType<T>, object: T, options: ApplyOptions): Promise<T>;
  /** Resolves when the delete is accepted; an object that is already gone is not an error. */
  delete<T extends KubeObject>(type: ResourceType<T>, key: Key, options?: DeleteOptions): Promise<void>;
}

export interface Cluster extends ClusterReader, ClusterWriter, AsyncDisposable {
  /**
   * Events in resourceVersion order from `resourceVersion` on. The iteration ends when the server ends the watch (then
   * watch again from the last version seen). @throws ApiError 410 when that version was compacted: list again.
   */
  watch<T extends KubeObject>(type: ResourceType<T>, options?: WatchOptions): AsyncIterable<WatchEvent<T>>;
  /** For verbs outside the above (logs, raw paths, discovery). */
  readonly transport: Transport;
}

export type AnyResource = ResourceType<AnyObject>;
