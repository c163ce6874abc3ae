// SPDX-License-Identifier: Apache-2.0
// Which part of 127.0.0.0/8 is a home's own: 127.<octet>.0.0/17 for its Services, 127.<octet>.128.0/17 for its pods.
// Two homes on one machine must not share it: one home's probe would be answered by the other's pod.
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";

const firstOctet = 16;
const octets = 110;
const listening = "0A";

/** Second octets of 127.x addresses that somebody listens on. Empty where /proc is not there. */
export function listeningOctets(procNetTcp: string): Set<number> {
  const found = new Set<number>();
  for (const line of procNetTcp.split("\n").slice(1)) {
    const fields = line.trim().split(/\s+/);
    // Little-endian hexadecimal: 127.64.0.1:8080 is 0100407F:1F90.
    const address = fields[1]?.split(":")[0] ?? "";
    if (fields[3] === listening && address.endsWith("7F")) found.add(Number.parseInt(address.slice(4, 6), 16));
  }
  return found;
}

/** The octet of a data directory's first start: by its path, or the next one that nobody listens on. */
export async function chooseOctet(dataDir: string): Promise<number> {
  const used = listeningOctets(await readFile("/proc/net/tcp", "utf8").catch(() => ""));
  const start = createHash("sha256").update(dataDir).digest().readUInt32BE(0) % octets;
  for (let i = 0; i < octets; i++) {
    const octet = firstOctet + ((start + i) % octets);
    if (!used.has(octet)) return octet;
  }
  return firstOctet + start;
}
