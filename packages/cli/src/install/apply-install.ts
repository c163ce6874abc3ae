// SPDX-License-Identifier: Apache-2.0
// Puts an install on a cluster and waits until it works.
import { type AnyObject, resources } from "@serval/api";
import { typeOf } from "./object-types.ts";
import { installObjects } from "./objects.ts";
import type { InstallOptions } from "./options.ts";
import type { Target } from "./target.ts";
import { waitFor } from "./waiting.ts";

const fieldManager = "serval-cli";

/** Undefined: every replica is updated and ready. */
function lagging(object: AnyObject | undefined): string | undefined {
  const {
    status = {},
    spec,
    metadata,
  } = (object ?? {}) as {
    status?: {
      observedGeneration?: number;
      updatedReplicas?: number;
      availableReplicas?: number;
      conditions?: unknown;
    };
    spec?: { replicas?: number };
    metadata?: { name?: string; generation?: number };
  };
  if (metadata === undefined) return "it is gone";
  const wanted = spec?.replicas ?? 1;
  const isSeen = (status.observedGeneration ?? 0) >= (metadata.generation ?? 1);
  if (isSeen && (status.updatedReplicas ?? 0) >= wanted && (status.availableReplicas ?? 0) >= wanted) return undefined;
  return `${status.availableReplicas ?? 0} of ${wanted} pods are ready; see kubectl describe deployment ${metadata.name} -n serval-system`;
}

/** @throws ApiError; CommandError when the pods are not ready in time. */
export async function applyInstall({ cluster, say, deadlineMs }: Target, options: InstallOptions): Promise<void> {
  const objects = installObjects(options);
  for (const object of objects) {
    await cluster.apply(typeOf(object), object, { fieldManager, force: true });
    say(`  ${object.kind} ${object.metadata.name}`);
  }
  for (const { kind, metadata } of objects.filter(({ kind }) => kind === "Deployment")) {
    const { namespace, name = "" } = metadata;
    say(`Waiting for ${kind} ${name} …`);
    await waitFor({ what: `${kind} ${name}`, deadlineMs }, async () =>
      lagging((await cluster.get(resources.deployments, { namespace, name })) as AnyObject | undefined),
    );
  }
}
