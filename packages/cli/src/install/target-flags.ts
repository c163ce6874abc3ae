// SPDX-License-Identifier: Apache-2.0
// Which cluster, and how long to wait: flags of install and uninstall, as data for help and parsing.
import type { Flag } from "../command.ts";

export const targetFlags = {
  kubeconfig: { type: "string", value: "FILE", help: "The cluster (default: KUBECONFIG, else ~/.kube/config)" },
  timeout: { type: "string", value: "SECONDS", help: "How long to wait (default: 300)" },
} as const satisfies Record<string, Flag>;
