// SPDX-License-Identifier: Apache-2.0
// Workloads outlive the routes to them: what served requests is deleted only after whoever routes had time to learn that
// it is no longer asked. Without this a promotion or a roll-back loses the requests of that moment.
import type { KubeObject } from "@serval/api";

/** How long gateways and endpoints may take to follow a written route or Service, in ms. */
export const defaultDrainMs = 2_000;

export interface Drain {
  /** What may be deleted now. `hasChanged`: routes, Services or workloads were just written. */
  due(name: string, unwanted: readonly KubeObject[], hasChanged: boolean): KubeObject[];
  /** ms until something that was held back may be deleted; 0: nothing is. */
  waitMs(name: string): number;
  forget(name: string): void;
}

const serving: ReadonlySet<string> = new Set(["Deployment", "Service"]);

export function createDrain(now: () => Date, drainMs = defaultDrainMs): Drain {
  /** By service: since when something is held back, ms since the epoch. */
  const held = new Map<string, number>();
  return {
    due(name, unwanted, hasChanged) {
      const time = now().getTime();
      const workloads = unwanted.filter(({ kind }) => serving.has(kind));
      const others = unwanted.filter(({ kind }) => !serving.has(kind));
      if (workloads.length === 0 || drainMs === 0) {
        held.delete(name);
        return [...others, ...workloads];
      }
      const before = held.get(name) ?? time - drainMs;
      // A clock that went back must not hold anything for longer.
      const since = hasChanged ? time : Math.min(before, time);
      held.set(name, since);
      if (time - since < drainMs) return others;
      held.delete(name);
      return [...others, ...workloads];
    },
    waitMs(name) {
      const since = held.get(name);
      return since === undefined ? 0 : Math.min(drainMs, Math.max(1, since + drainMs - now().getTime()));
    },
    forget: (name) => void held.delete(name),
  };
}
