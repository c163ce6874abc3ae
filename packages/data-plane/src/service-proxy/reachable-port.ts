// SPDX-License-Identifier: Apache-2.0
// Ports that a user without privileges may not open: the gateway then serves a Service's port 80 at 20080, and the
// kubelet writes that number where it puts a Service's address. Both ask here, so that they agree.
import { readFileSync } from "node:fs";

/** Below this an ordinary user may not listen. Linux says it, 1024 is Unix' tradition; root may always. */
export function firstFreePort(uid: number | undefined = process.getuid?.()): number {
  if (uid === 0) return 0;
  try {
    return Number(readFileSync("/proc/sys/net/ipv4/ip_unprivileged_port_start", "utf8"));
  } catch {
    // macOS has let everybody listen on every port since 10.14, but only on all addresses at once.
    return 1024;
  }
}

// Not 10,000: browsers and fetch refuse port 10080 (https://fetch.spec.whatwg.org/#port-blocking).
const offset = 20_000;

/** The port at which a Service's port answers on this machine. */
export const reachablePort =
  (firstFree: number) =>
  (port: number): number =>
    port < firstFree ? port + offset : port;
