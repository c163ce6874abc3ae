// SPDX-License-Identifier: Apache-2.0
// How whoever hands a cluster over asks Serval to answer the webhooks before it acts: no write is refused in the seconds
// in which the other controller's pods end. The mark is on the ConfigMap that keeps what a take-over replaces.
import { type ConfigMap, resources, systemNamespace } from "@serval/api";
import type { Cluster } from "@serval/kube";
import type { Logger } from "@serval/observe";

/** Of the ConfigMap that `serval migrate kserve` writes. */
export const migrationKey = { namespace: systemNamespace, name: "serval-migration" } as const;

const annotation = "serval.dev/answers-webhooks";

const isAsked = (stored: ConfigMap | undefined): boolean => stored?.metadata?.annotations?.[annotation] === "true";

/** Operators hear it at their next look at the lease. @throws ApiError when nothing was saved. */
export async function askForWebhooks(cluster: Cluster, answers: boolean): Promise<void> {
  const body = { metadata: { annotations: { [annotation]: answers ? "true" : null } } };
  await cluster.patch(resources.configMaps, migrationKey, { type: "merge", body });
}

export interface Handover {
  /** Whether we answer the webhooks although another controller acts. */
  readonly isAsked: () => boolean;
  /** At every look at the lease. */
  readonly look: () => void;
}

/** @param onChange when it was asked for, or no more. */
export function createHandover(
  cluster: Cluster,
  log: Logger,
  onChange: (isAsked: boolean) => Promise<unknown>,
): Handover {
  let asked = false;
  let looking = false;
  const read = async (): Promise<void> => {
    const now = isAsked(await cluster.get(resources.configMaps, migrationKey));
    if (now === asked) return;
    asked = now;
    log.info(
      {},
      asked ? "Asked to answer the webhooks before the hand-over" : "No longer asked to answer the webhooks",
    );
    await onChange(asked);
  };
  return {
    isAsked: () => asked,
    look: () => {
      if (looking) return;
      looking = true;
      read()
        .catch((error: unknown) => log.debug({ error }, "Cannot see whether the webhooks are to be answered"))
        .finally(() => {
          looking = false;
        });
    },
  };
}
