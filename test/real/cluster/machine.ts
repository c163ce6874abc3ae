// SPDX-License-Identifier: Apache-2.0
// What a machine must have to run a real cluster, and what is fetched or built when it is missing.
import { execFile } from "node:child_process";
import { access, readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { cacheDir, findAssets } from "../../cluster/kube-apiserver.ts";
import { cniPlugins } from "./config.ts";
import type { Facts } from "./layout.ts";

const run = promisify(execFile);

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
const works = (command: string, ...args: string[]): Promise<boolean> =>
  run(command, args).then(
    () => true,
    () => false,
  );
const hasCommand = (name: string): Promise<boolean> => works("bash", "-c", `command -v ${name}`);

/** Debian's package of each command that containers need. */
const packages: Readonly<Record<string, string>> = {
  containerd: "containerd",
  ctr: "containerd",
  runc: "runc",
  iptables: "iptables",
  conntrack: "conntrack",
  ip: "iproute2",
  mount: "mount",
};

async function missingPackages(): Promise<string[]> {
  const missing = new Set<string>();
  for (const [command, name] of Object.entries(packages)) if (!(await hasCommand(command))) missing.add(name);
  if (!(await isThere(join(cniPlugins, "ptp")))) missing.add("containernetworking-plugins");
  return [...missing];
}

const namespaces = ["--net", "--mount", "--pid", "--fork", "--mount-proc"];

/** undefined: a cluster can run here; else why not, in one line. */
export async function whyNoCluster(): Promise<string | undefined> {
  if (process.platform !== "linux") return "a real cluster needs Linux";
  if (process.getuid?.() !== 0) return "a real cluster needs root (containers, cgroups, a network namespace)";
  if (!/\boverlay\b/.test(await readFile("/proc/filesystems", "utf8"))) return "this kernel has no overlay file system";
  if (!(await works("unshare", ...namespaces, "mount", "-t", "tmpfs", "tmpfs", "/mnt")))
    return "this machine does not let namespaces be made (unshare --net --mount --pid)";
  if (!(await isThere("/sys/fs/cgroup/memory")) && !(await isThere("/sys/fs/cgroup/cgroup.controllers")))
    return "no cgroups at /sys/fs/cgroup";
  const missing = await missingPackages();
  if (missing.length === 0) return undefined;
  if (!(await hasCommand("apt-get"))) return `missing and not installable here: ${missing.join(", ")}`;
  try {
    await run("apt-get", ["update", "-q"]);
    await run("apt-get", ["install", "-y", "-q", "--no-install-recommends", ...missing], { maxBuffer: 1 << 26 });
  } catch (error) {
    return `${missing.join(", ")} cannot be installed: ${(error as Error).message.split("\n")[0]}`;
  }
  return undefined;
}

const kubernetesCommands = [
  "kube-apiserver",
  "kube-controller-manager",
  "kube-scheduler",
  "kubelet",
  "kube-proxy",
] as const;

/** Builds what a cluster needs. @returns where it is, or text that starts with "skip:" and says why it cannot. */
export async function clusterCommands(further: readonly string[] = []): Promise<Omit<Facts, "cgroup"> | string> {
  const kubernetes = await findAssets(kubernetesCommands);
  if (kubernetes.startsWith("skip:")) return kubernetes;
  const others = join(cacheDir(), "cluster-parts");
  const script = new URL("../build.sh", import.meta.url).pathname;
  try {
    await run("bash", [script, others, "pause", "coredns", ...further], { maxBuffer: 1 << 26 });
  } catch (error) {
    return `skip: ${(error as { stderr?: string }).stderr?.trim().split("\n").at(-1) ?? (error as Error).message}`;
  }
  return { kubernetes, others };
}
