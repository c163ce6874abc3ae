// SPDX-License-Identifier: Apache-2.0
// A container's resource limits on this machine: a cgroup where one can be written (version 2 or 1), else rlimits.
import { mkdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Container, quantityValue } from "@serval/api";

export interface ResourceLimits {
  /** Shell text that the container's shim runs before it starts the program. */
  readonly shell: string;
  /** True once the kernel killed a process of the container for memory. */
  wasOomKilled(): Promise<boolean>;
  release(): Promise<void>;
}

export interface LimitEnforcer {
  /** How limits are enforced here, for the log and `serval status`. */
  readonly about: string;
  prepare(id: string, container: Container): Promise<ResourceLimits>;
  /** Removes what the enforcer itself made, unless containers still use it. */
  close(): Promise<void>;
}

const noLimits: ResourceLimits = { shell: "", wasOomKilled: async () => false, release: async () => {} };
const cpuPeriodMicros = 100_000;

interface Wanted {
  memoryBytes: number | undefined;
  /** Of one period. */
  cpuQuotaMicros: number | undefined;
}

function wantedLimits(container: Container): Wanted {
  const { memory, cpu } = container.resources?.limits ?? {};
  return {
    memoryBytes: memory === undefined ? undefined : Math.floor(quantityValue(memory)),
    cpuQuotaMicros: cpu === undefined ? undefined : Math.max(1_000, Math.floor(quantityValue(cpu) * cpuPeriodMicros)),
  };
}

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
const readCount = async (path: string, key: string): Promise<number> => {
  const text = await readFile(path, "utf8").catch(() => "");
  return Number(new RegExp(`^${key} (\\d+)`, "m").exec(text)?.[1] ?? 0);
};

/** The kernel needs a moment to bury the last process of a cgroup; until then the directory is busy. */
async function removeGroup(dir: string): Promise<void> {
  for (let attempt = 0; attempt < 10; attempt++) {
    const isGone = await rmdir(dir).then(
      () => true,
      (error: NodeJS.ErrnoException) => error.code === "ENOENT",
    );
    if (isGone) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** cgroup v2: one directory per container below `root`. */
function unifiedEnforcer(root: string): LimitEnforcer {
  return {
    about: `cgroup v2 below ${root}`,
    close: () => removeGroup(root),
    async prepare(id, container) {
      const { memoryBytes, cpuQuotaMicros } = wantedLimits(container);
      if (memoryBytes === undefined && cpuQuotaMicros === undefined) return noLimits;
      const dir = join(root, id);
      await mkdir(dir, { recursive: true });
      if (memoryBytes !== undefined) await writeFile(join(dir, "memory.max"), String(memoryBytes));
      if (memoryBytes !== undefined) await writeFile(join(dir, "memory.swap.max"), "0").catch(() => {});
      if (cpuQuotaMicros !== undefined) await writeFile(join(dir, "cpu.max"), `${cpuQuotaMicros} ${cpuPeriodMicros}`);
      return {
        shell: `echo $$ > ${quoted(join(dir, "cgroup.procs"))}`,
        wasOomKilled: async () => (await readCount(join(dir, "memory.events"), "oom_kill")) > 0,
        release: () => removeGroup(dir),
      };
    },
  };
}

/** cgroup v1: memory and cpu are hierarchies of their own. */
function legacyEnforcer(memoryRoot: string, cpuRoot: string | undefined): LimitEnforcer {
  return {
    about: `cgroup v1 below ${memoryRoot}`,
    async close() {
      for (const root of [memoryRoot, cpuRoot]) if (root !== undefined) await removeGroup(root);
    },
    async prepare(id, container) {
      const { memoryBytes, cpuQuotaMicros } = wantedLimits(container);
      const memoryDir = join(memoryRoot, id);
      const cpuDir = cpuRoot === undefined ? undefined : join(cpuRoot, id);
      const joined: string[] = [];
      if (memoryBytes !== undefined) {
        await mkdir(memoryDir, { recursive: true });
        await writeFile(join(memoryDir, "memory.limit_in_bytes"), String(memoryBytes));
        joined.push(memoryDir);
      }
      if (cpuQuotaMicros !== undefined && cpuDir !== undefined) {
        await mkdir(cpuDir, { recursive: true });
        await writeFile(join(cpuDir, "cpu.cfs_period_us"), String(cpuPeriodMicros));
        await writeFile(join(cpuDir, "cpu.cfs_quota_us"), String(cpuQuotaMicros));
        joined.push(cpuDir);
      }
      if (joined.length === 0) return noLimits;
      return {
        shell: joined.map((dir) => `echo $$ > ${quoted(join(dir, "cgroup.procs"))}`).join("; "),
        wasOomKilled: async () => (await readCount(join(memoryDir, "memory.oom_control"), "oom_kill")) > 0,
        release: async () => {
          for (const dir of joined) await removeGroup(dir);
        },
      };
    },
  };
}

/** No cgroup can be written: the data segment limit stands in for memory; cpu limits cannot be kept. */
const rlimitEnforcer: LimitEnforcer = {
  about: "rlimits (no writable cgroup): memory limits bound each process's data segment, cpu limits are not enforced",
  close: async () => {},
  async prepare(_id, container) {
    const { memoryBytes } = wantedLimits(container);
    if (memoryBytes === undefined) return noLimits;
    return { ...noLimits, shell: `ulimit -d ${Math.ceil(memoryBytes / 1024)}` };
  },
};

const canWrite = async (dir: string): Promise<boolean> => {
  const probe = join(dir, `probe-${process.pid}`);
  return mkdir(probe, { recursive: true })
    .then(
      () => rmdir(probe),
      () => Promise.reject(new Error()),
    )
    .then(
      () => true,
      () => false,
    );
};

/** @param group name of this home's cgroup, unique per data directory. */
export async function createLimitEnforcer(group: string): Promise<LimitEnforcer> {
  if (process.platform !== "linux") return rlimitEnforcer;
  const controllers = await readFile("/sys/fs/cgroup/cgroup.controllers", "utf8").catch(() => "");
  if (controllers.includes("memory")) {
    const root = join("/sys/fs/cgroup", group);
    const ready = await mkdir(root, { recursive: true })
      .then(() => writeFile("/sys/fs/cgroup/cgroup.subtree_control", "+memory +cpu").catch(() => {}))
      .then(() => writeFile(join(root, "cgroup.subtree_control"), "+memory +cpu"))
      .then(
        () => true,
        () => false,
      );
    if (ready) return unifiedEnforcer(root);
  }
  const memoryRoot = "/sys/fs/cgroup/memory";
  if (await canWrite(memoryRoot)) {
    const cpuRoot = (await canWrite("/sys/fs/cgroup/cpu")) ? join("/sys/fs/cgroup/cpu", group) : undefined;
    return legacyEnforcer(join(memoryRoot, group), cpuRoot);
  }
  return rlimitEnforcer;
}
