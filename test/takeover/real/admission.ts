// SPDX-License-Identifier: Apache-2.0
// How long nobody answers the API server's webhooks: a change of a service is tried again and again, as a dry run.
import { inferenceServices } from "@serval/api";
import type { Cluster } from "@serval/kube";

const paceMs = 100;

export interface Admission {
  /** Since the last call: how many were tried and refused, and the longest time from a refusal to the next success. */
  lap(): { readonly tried: number; readonly refused: number; readonly gapMs: number; readonly reasons: string[] };
  stop(): Promise<void>;
}

export function watchAdmission(cluster: Cluster, key: { namespace: string; name: string }): Admission {
  let running = true;
  let [tried, refused, gapMs] = [0, 0, 0];
  let refusedSince: number | undefined;
  let reasons = new Set<string>();
  const body = { metadata: { annotations: { "example.com/tried": "yes" } } };
  const attempt = async (): Promise<void> => {
    const at = performance.now();
    tried += 1;
    try {
      await cluster.patch(inferenceServices, key, { type: "merge", body }, { dryRun: true });
      if (refusedSince !== undefined) gapMs = Math.max(gapMs, performance.now() - refusedSince);
      refusedSince = undefined;
    } catch (error) {
      refused += 1;
      refusedSince ??= at;
      reasons.add((error as Error).message.slice(0, 200));
    }
  };
  const loop = async (): Promise<void> => {
    while (running) {
      await attempt();
      await new Promise((resolve) => setTimeout(resolve, paceMs));
    }
  };
  const done = loop();
  return {
    lap() {
      const result = { tried, refused, gapMs, reasons: [...reasons] };
      [tried, refused, gapMs, reasons] = [0, 0, 0, new Set()];
      return result;
    },
    async stop() {
      running = false;
      await done;
    },
  };
}
