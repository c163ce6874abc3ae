// SPDX-License-Identifier: Apache-2.0
// Models from where they are to where the server looks for them, one after the other, as KServe's storage initializer.
import { openDestination } from "./destination.ts";
import { FetchError, redactUri } from "./errors.ts";
import type { FetchDeps } from "./fetch-deps.ts";
import { fetchLocal } from "./fetch-local.ts";
import { fetchRemote } from "./fetch-remote.ts";
import type { Access } from "./scheme.ts";
import { schemeOf } from "./schemes/index.ts";

export interface FetchRequest {
  readonly uri: string;
  readonly dir: string;
}

/** KServe: models are decrypted here; serving ciphertext as a model would be worse than refusing. */
function refuseConfidential(env: Access["env"]): void {
  if (env["CONFIDENTIAL_ENABLED"]?.toLowerCase() !== "true") return;
  throw new FetchError("Cannot decrypt the model: confidential models are not supported in this release", {
    fix: "Remove spec.predictor.model.confidential, or use KServe's own storage initializer image",
  });
}

async function fetchModel({ uri, dir }: FetchRequest, deps: FetchDeps): Promise<void> {
  const scheme = schemeOf(uri);
  const access: Access = { env: deps.env, http: deps.http, signal: deps.signal, log: deps.log };
  const source = await scheme.localPath?.(uri, access);
  const destination = await openDestination(dir, uri);
  if (source === undefined) {
    const before = await destination.complete();
    if (before !== undefined) {
      deps.log(`${redactUri(uri)} is in ${dir} already (${before.length} files)`);
      return;
    }
  }
  deps.log(`Copying contents of ${redactUri(uri)} to local`);
  if (source === undefined)
    await destination.markComplete(await fetchRemote({ uri, scheme, destination, access, deps }));
  else {
    await fetchLocal({ uri, source, destination, deps }, deps.signal);
    await destination.markComplete([]);
  }
  deps.log(`Successfully copied ${redactUri(uri)} to ${dir}`);
}

/**
 * Fetches each model, in order. What is complete is not fetched again; what was begun goes on.
 *
 * @throws ServalError with the one message that people get.
 */
export async function fetchModels(requests: readonly FetchRequest[], deps: FetchDeps): Promise<void> {
  refuseConfidential(deps.env);
  const startedAt = deps.now();
  for (const request of requests) {
    // KServe: multi-model servers pull by themselves; their URI is the place itself.
    if (request.uri.startsWith("/mnt/models")) continue;
    await fetchModel(request, deps);
  }
  deps.progress.begin("Done", undefined);
  deps.log(`Model downloaded in ${((deps.now() - startedAt) / 1000).toFixed(3)} seconds.`);
}
