// SPDX-License-Identifier: Apache-2.0
// Lifecycle hooks of a container: what runs right after its start and right before its end.
// Source: https://kubernetes.io/docs/concepts/containers/container-lifecycle-hooks/
import { setTimeout as sleep } from "node:timers/promises";
import type { Container } from "@serval/api";
import { askProbe, type ProbeTarget } from "./probes.ts";

export type LifecycleHandler = NonNullable<NonNullable<Container["lifecycle"]>["preStop"]>;

/** A postStart hook has no deadline of its own; a container that never gets past it is restarted by its probes or user. */
const longestSeconds = 3_600;

export interface HookEnd {
  readonly ok: boolean;
  readonly message: string;
}

/** Never throws. Ends early, and well, when `signal` says that the container has ended. */
export async function runHook(
  handler: LifecycleHandler,
  target: ProbeTarget,
  options: { timeoutMs?: number; signal: AbortSignal },
): Promise<HookEnd> {
  const { signal, timeoutMs = longestSeconds * 1_000 } = options;
  if (signal.aborted) return { ok: true, message: "" };
  if (handler.sleep !== undefined) {
    await sleep(Math.min(handler.sleep.seconds * 1_000, timeoutMs), undefined, { signal }).catch(() => {});
    return { ok: true, message: "" };
  }
  if (handler.exec === undefined && handler.httpGet === undefined)
    return { ok: false, message: "only exec, httpGet and sleep hooks exist" };
  const answer = await askProbe({ ...handler, timeoutSeconds: timeoutMs / 1_000 }, target, signal);
  return signal.aborted ? { ok: true, message: "" } : answer;
}
