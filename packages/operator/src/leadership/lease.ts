// SPDX-License-Identifier: Apache-2.0
// The Lease that says who acts. KServe's own name: a running KServe holds it too, so the two never act at once.
import { randomUUID } from "node:crypto";

export const leaseName = "kserve-controller-manager-leader-lock";

const ownPrefix = "serval-";

/** Unique per process, and recognizable as Serval's. In a pod the host's name is the pod's. */
export const leaderIdentity = (host: string): string =>
  `${host.startsWith(ownPrefix) ? host : `${ownPrefix}${host}`}_${randomUUID()}`;

export const isServalIdentity = (identity: string): boolean => identity.startsWith(ownPrefix);
