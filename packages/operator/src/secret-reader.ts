// SPDX-License-Identifier: Apache-2.0
// Secrets one at a time: the operator may get those that services refer to, it neither lists nor watches any.
import { type Key, keyText, resources, type Secret, ServalError } from "@serval/api";
import { ApiError, type Cluster, isTransient } from "@serval/kube";

/** A reconcile that follows an edit of the secret at once sees it within this time. */
const freshMs = 30_000;
/** One that is not there is asked for again soon: it is usually about to be created. */
const missingMs = 1_000;
const maxEntries = 2_000;

/** What a get ended with; a refusal is the service's to show, when a pod really needs the secret. */
export type Read = { readonly secret: Secret | undefined } | { readonly refusal: ServalError };

interface Entry {
  readonly read: Promise<Read>;
  until: number;
}

export interface SecretReader {
  /** @throws ApiError when the API server is briefly away. */
  get(key: Key): Promise<Read>;
}

const refusalOf = (name: string, error: ApiError): ServalError =>
  new ServalError("StorageCredentials", `can't read secret ${name}: ${error.message}`, {
    cause: error,
    transient: true,
    fix: `Allow the operator to get the secret ${name}`,
  });

/** Nothing but what stages read; the rest is not kept in memory. */
const slim = ({ apiVersion, kind, metadata, data, type }: Secret): Secret => ({
  apiVersion,
  kind,
  type,
  metadata: { name: metadata.name, namespace: metadata.namespace, annotations: metadata.annotations },
  ...(data === undefined ? {} : { data }),
});

async function ask(cluster: Cluster, key: Key): Promise<Read> {
  try {
    const secret = await cluster.get(resources.secrets, key);
    return { secret: secret === undefined ? undefined : slim(secret) };
  } catch (error) {
    if (error instanceof ApiError && !isTransient(error)) return { refusal: refusalOf(key.name, error) };
    throw error;
  }
}

export function createSecretReader(cluster: Cluster, now: () => number = () => performance.now()): SecretReader {
  const entries = new Map<string, Entry>();
  const forgetOld = (): void => {
    for (const [name, { until }] of entries) if (until <= now()) entries.delete(name);
    // Still too many: the oldest go, they are only asked for again.
    for (const name of entries.keys()) {
      if (entries.size <= maxEntries) return;
      entries.delete(name);
    }
  };
  return {
    async get(key) {
      const name = keyText(key);
      const known = entries.get(name);
      if (known !== undefined && known.until > now()) return known.read;
      const entry: Entry = { read: ask(cluster, key), until: now() + freshMs };
      entries.set(name, entry);
      if (entries.size > maxEntries) forgetOld();
      try {
        const read = await entry.read;
        if (!("secret" in read) || read.secret === undefined) entry.until = now() + missingMs;
        return read;
      } catch (error) {
        if (entries.get(name) === entry) entries.delete(name);
        throw error;
      }
    },
  };
}
