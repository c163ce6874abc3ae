// SPDX-License-Identifier: Apache-2.0
// The three probes of one running container and their order: startup first, then readiness and liveness.
import type { Container } from "@serval/api";
import { type ProbeLoop, type ProbeTarget, startProbe } from "./probes.ts";

export interface ProbeEvents {
  /** The startup probe succeeded, or there is none. */
  onStarted(): void;
  /** Without a readiness probe: called once, with true, when started. `why` is what a failed probe saw. */
  onReadiness(ok: boolean, why: string): void;
  /** The container is to be restarted. */
  onUnhealthy(kind: "liveness" | "startup", why: string): void;
}

/** How often a probe without a verdict is asked (probes.ts). */
const eagerMs = 50;

/** @param hasStarted the startup probe succeeded under an earlier kubelet. @returns stops them all. */
export function startProbes(
  container: Container,
  target: ProbeTarget,
  { events, hasStarted }: { events: ProbeEvents; hasStarted: boolean },
): () => void {
  const loops: ProbeLoop[] = [];
  let stopped = false;
  const stop = (): void => {
    stopped = true;
    for (const loop of loops.splice(0)) loop.stop();
  };
  const afterStart = (): void => {
    if (stopped) return;
    events.onStarted();
    if (container.readinessProbe === undefined) events.onReadiness(true, "");
    else loops.push(startProbe(container.readinessProbe, target, { eagerMs, onVerdict: events.onReadiness }));
    if (container.livenessProbe === undefined) return;
    const onVerdict = (ok: boolean, why: string): void => (ok ? undefined : events.onUnhealthy("liveness", why));
    loops.push(startProbe(container.livenessProbe, target, { onVerdict }));
  };
  if (container.startupProbe === undefined || hasStarted) {
    afterStart();
    return stop;
  }
  const startup = startProbe(container.startupProbe, target, {
    eagerMs,
    onVerdict(ok, why) {
      if (!ok) return events.onUnhealthy("startup", why);
      startup.stop();
      afterStart();
    },
  });
  loops.push(startup);
  return stop;
}
