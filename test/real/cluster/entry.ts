// SPDX-License-Identifier: Apache-2.0
// Makes the namespaces of one cluster and what must go with them. Everything of a cluster lives in namespaces of
// processes, mounts and network; when their first process ends, the kernel ends and removes all of it, however that
// came about. The machine's own addresses, routes, rules and mounts are never touched.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, rmdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { resolvConf } from "./config.ts";
import { type Facts, nodeAddress, serviceCidr } from "./layout.ts";
import { until } from "./until.ts";

/** Environment of what runs inside: the cluster's folder. */
export const clusterVariable = "SERVAL_REAL_CLUSTER";
export const readyFile = "ready";
const prefix = "serval-real-";
const cgroups = "/sys/fs/cgroup";
const cgroupParent = "serval-real";

export interface StartInput {
  readonly facts: Facts;
  /** Archives that are loaded before the first pod starts. */
  readonly images: readonly string[];
}

/**
 * Process 1 inside: it adopts and reaps. Folders that components insist on are covered, so that nothing of the machine's
 * is seen or changed; Service addresses need a route before iptables sees them.
 */
const firstProcess = `set -e
mount --make-rshared /
for covered in /run /var/lib/cni /var/lib/kubelet /var/log/containers /var/log/pods; do
  mkdir -p "$covered"; mount -t tmpfs tmpfs "$covered"
done
mkdir -p /run/lock
mount --bind "$1/resolv.conf" "$(readlink -f /etc/resolv.conf)"
ip link set lo up
ip address add ${nodeAddress}/32 dev lo
ip route add ${serviceCidr} dev lo src ${nodeAddress}
echo 1 >/proc/sys/net/ipv4/ip_forward
shift
"$@" & child=$!
trap 'kill -TERM $child 2>/dev/null' TERM INT
while kill -0 $child 2>/dev/null; do wait $child && code=0 || code=$?; done
exit $code
`;

const controllersOf = async (): Promise<string[]> =>
  (await readdir(cgroups, { withFileTypes: true })).filter((entry) => entry.isDirectory()).map(({ name }) => name);

async function makeCgroups(id: string): Promise<string> {
  const cgroup = `/${cgroupParent}/${id}`;
  for (const controller of await controllersOf()) await mkdir(join(cgroups, controller, cgroup), { recursive: true });
  return cgroup;
}

/** Empty ones; the kernel forgets a process a moment after it ended. */
async function removeCgroup(path: string): Promise<void> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) if (entry.isDirectory()) await removeCgroup(join(path, entry.name));
  await rmdir(path).catch(() => {});
}

async function removeCgroups(id: string): Promise<void> {
  for (const controller of await controllersOf()) await removeCgroup(join(cgroups, controller, cgroupParent, id));
}

/** What a run that was killed with SIGKILL left: its namespaces went with it, its files and cgroups did not. */
export async function sweep(): Promise<void> {
  for (const name of (await readdir(tmpdir())).filter((entry) => entry.startsWith(prefix))) {
    const dir = join(tmpdir(), name);
    const owner = await readFile(join(dir, "owner"), "utf8").catch(() => undefined);
    if (owner === undefined || (await readFile(`/proc/${owner}/stat`, "utf8").catch(() => "")) !== "") continue;
    await removeCgroups(name);
    await rm(dir, { recursive: true, force: true });
  }
}

export interface Namespaces {
  readonly dir: string;
  /** Exit code of what ran inside, after everything is removed. */
  readonly ended: Promise<number>;
  /** Process 1, as the machine numbers it. */
  readonly pid: number;
  end(): Promise<void>;
}

export interface NamespacesInput extends Omit<StartInput, "facts"> {
  readonly facts: Omit<Facts, "cgroup">;
  /** What runs when the cluster is up; nothing: it stays. */
  readonly command: readonly string[];
  readonly detached?: boolean;
  /** File for the output of a detached one. */
  readonly output?: number;
}

const childOf = async (pid: number): Promise<number | undefined> => {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8").catch(() => "");
  return children.trim() === "" ? undefined : Number(children.trim().split(" ")[0]);
};

function launch(dir: string, { command, detached = false, output }: NamespacesInput): ChildProcess {
  const inside = fileURLToPath(new URL("./inside.ts", import.meta.url));
  const program = [process.execPath, "--disable-warning=ExperimentalWarning", inside, dir, ...command];
  const stream = output ?? "inherit";
  return spawn(
    "unshare",
    // Without a parent's end, process 1 would stay.
    [
      ...["--net", "--mount", "--pid", "--uts", "--ipc", "--fork", "--mount-proc"],
      ...(detached ? [] : ["--kill-child=SIGKILL"]),
      ...["bash", "-c", firstProcess, "bash", dir, ...program],
    ],
    { stdio: ["ignore", stream, stream], detached },
  );
}

/** @throws Error when namespaces cannot be made here. */
export async function startNamespaces(input: NamespacesInput): Promise<Namespaces> {
  await sweep();
  const dir = await mkdtemp(join(tmpdir(), prefix));
  const id = basename(dir);
  await writeFile(join(dir, "resolv.conf"), resolvConf);
  const start: StartInput = { facts: { ...input.facts, cgroup: await makeCgroups(id) }, images: input.images };
  await writeFile(join(dir, "start.json"), JSON.stringify(start));
  const child = launch(dir, input);
  const exit = once(child, "exit") as Promise<[number | null, NodeJS.Signals | null]>;
  await writeFile(join(dir, "owner"), String(child.pid));
  const pid = await until("the first process of the namespaces", () => childOf(child.pid as number), 5_000);
  const ended = exit.then(async ([code]) => {
    await removeCgroups(id);
    await rm(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    return code ?? 137;
  });
  const end = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) process.kill(pid, "SIGKILL");
    await ended;
  };
  return { dir, ended, pid, end };
}
