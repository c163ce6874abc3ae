// SPDX-License-Identifier: Apache-2.0
// How the programs of this folder are started as witnesses.
import { fileURLToPath } from "node:url";

/** Arguments of Python. */
export const follower = (kubeconfig: string, namespace: string): string[] => [
  fileURLToPath(new URL("follow.py", import.meta.url)),
  JSON.stringify({ kubeconfig, namespace }),
];
