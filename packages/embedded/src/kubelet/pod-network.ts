// SPDX-License-Identifier: Apache-2.0
// Pod addresses behind one interface (decision 21). On Linux every pod gets a 127.x.y.z of its own; a program that
// binds 0.0.0.0 nevertheless would block its port for everybody and open the model to the network, so it is found.
import { readdir, readFile, readlink } from "node:fs/promises";

export interface PodNetwork {
  /** What pods get here, and what is missing, for the log. */
  readonly about: string;
  /** The address of a pod; the same for the same uid while it is held. `wanted`: an adopted pod's address. */
  attach(podUid: string, wanted?: string): string;
  detach(podUid: string): void;
  /** A port that a process of the group serves on every address of the machine; undefined: none. */
  findExposedPort(groupId: number): Promise<number | undefined>;
}

const firstPodIp = (octet: number): number => (127 << 24) | (octet << 16) | (128 << 8);
const podIpCount = 1 << 15;

const dotted = (ip: number): string => [24, 16, 8, 0].map((shift) => (ip >>> shift) & 255).join(".");

/**
 * Addresses 127.<octet>.128.1 to 127.<octet>.255.254, given out round-robin so that a restarted pod never meets old
 * connections. The octet is the home's own (home/subnet.ts): two homes on one machine never share an address.
 */
export function loopbackNetwork(octet: number, startAt = 1): PodNetwork {
  const held = new Map<string, string>();
  const taken = new Set<string>();
  let next = startAt;
  const free = (): string => {
    for (;;) {
      const ip = dotted(firstPodIp(octet) + (next % podIpCount));
      next += 1;
      if (!taken.has(ip) && !ip.endsWith(".0") && !ip.endsWith(".255")) return ip;
    }
  };
  return {
    about:
      process.platform === "linux"
        ? "an address of its own in 127.0.0.0/8 for every pod"
        : "addresses in 127.0.0.0/8, which this system serves only after an alias for each (macOS: sudo ifconfig lo0 alias ADDRESS); " +
          "programs that listen on every address are not detected here",
    attach(podUid, wanted) {
      const ip = held.get(podUid) ?? (wanted !== undefined && !taken.has(wanted) ? wanted : free());
      held.set(podUid, ip);
      taken.add(ip);
      return ip;
    },
    detach(podUid) {
      const ip = held.get(podUid);
      if (ip !== undefined) taken.delete(ip);
      held.delete(podUid);
    },
    findExposedPort: createExposureCheck(),
  };
}

const anyAddresses = new Set(["00000000", "00000000000000000000000000000000"]);
const listenState = "0A";

/** Listening sockets on 0.0.0.0 and [::]: inode -> port. */
async function exposedSockets(): Promise<Map<string, number>> {
  const sockets = new Map<string, number>();
  for (const table of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    const text = await readFile(table, "utf8").catch(() => "");
    for (const line of text.split("\n").slice(1)) {
      const fields = line.trim().split(/\s+/);
      const [address, port] = (fields[1] ?? "").split(":");
      if (fields[3] === listenState && anyAddresses.has(address ?? ""))
        sockets.set(fields[9] as string, Number.parseInt(port as string, 16));
    }
  }
  return sockets;
}

async function groupOf(pid: string): Promise<number | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields[2] === undefined ? undefined : Number(fields[2]);
}

/** Which group holds each of these sockets, by looking through the open files of every process. */
async function groupsHolding(inodes: ReadonlySet<string>): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    if (found.size === inodes.size) break;
    for (const fd of await readdir(`/proc/${pid}/fd`).catch(() => [])) {
      const target = await readlink(`/proc/${pid}/fd/${fd}`).catch(() => "");
      const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1] ?? "";
      if (!inodes.has(inode) || found.has(inode)) continue;
      const group = await groupOf(pid);
      if (group !== undefined) found.set(inode, group);
    }
  }
  return found;
}

/** Somebody else's: another user's process, whose files cannot be looked through. */
const foreign = -1;

/** Remembers whose socket is whose: the machine's own servers must not cost every pod a search. */
function createExposureCheck(): PodNetwork["findExposedPort"] {
  const holders = new Map<string, number>();
  return async (groupId) => {
    if (process.platform !== "linux") return undefined;
    const sockets = await exposedSockets();
    for (const inode of holders.keys()) if (!sockets.has(inode)) holders.delete(inode);
    const unknown = new Set([...sockets.keys()].filter((inode) => !holders.has(inode)));
    if (unknown.size > 0) {
      const found = await groupsHolding(unknown);
      for (const inode of unknown) holders.set(inode, found.get(inode) ?? foreign);
    }
    for (const [inode, port] of sockets) if (holders.get(inode) === groupId) return port;
    return undefined;
  };
}
