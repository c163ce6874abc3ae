// SPDX-License-Identifier: Apache-2.0
// The end of an object in the store, and what the server itself gives back then.
import type { AnyObject, Service } from "@serval/api";
import { withRevision } from "../../store/engine.ts";
import type { Entry } from "../../store/index.ts";
import type { Call } from "./context.ts";

/** Undefined: another writer was faster. @param last the stored form that watchers see in DELETED. */
export async function removeEntry({ context }: Call, entry: Entry, last: AnyObject): Promise<Entry | undefined> {
  const removed = await context.store.delete(entry.key, entry.revision, (revision) => withRevision(last, revision));
  if (removed !== undefined && entry.key.startsWith("core/services/")) {
    const address = (entry.value as unknown as Service).spec?.clusterIP;
    if (address && address !== "None") context.addresses.release(address);
  }
  return removed;
}
