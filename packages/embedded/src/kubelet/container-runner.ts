// SPDX-License-Identifier: Apache-2.0
// One start of one container: image, environment, mounts and limits become a process; its end becomes a Termination.
import { mkdir, open, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Container, Pod } from "@serval/api";
import type { Termination } from "./container-state.ts";
import { type LocalPrograms, localCommand } from "./images.ts";
import { lastLines } from "./pod-logs.ts";
import type { PodFiles } from "./pod-state.ts";
import { logPath, type ProcessExit, type RunningProcess } from "./process-files.ts";
import { startProcess } from "./process-runner.ts";
import type { LimitEnforcer, ResourceLimits } from "./resource-limits.ts";
import type { InTurn } from "./start-slots.ts";
import { containerEnv, expandVariables, type References } from "./variables.ts";
import { type MountRule, mountRules, rewritePaths } from "./volumes.ts";

export interface ContainerDeps {
  readonly programs: LocalPrograms;
  readonly limits: LimitEnforcer;
  readonly references: (namespace: string) => References;
  /** `FOO_SERVICE_HOST` and friends of a namespace. */
  readonly serviceEnv: (namespace: string) => Readonly<Record<string, string>>;
  /** Puts Service addresses where a text names Services. */
  readonly rewriteHosts: (text: string, namespace: string) => string;
  /** PATH of every container. */
  readonly path: string;
  /** Bounds how many processes start at the same time. */
  readonly startInTurn: InTurn;
}

/** Everything that a process of the container gets: also what exec probes run with. */
export interface ContainerSetting {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly rewrite: (text: string) => string;
}

const defaultMessagePath = "/dev/termination-log";
const maxMessageBytes = 4_096;

export const messagePath = (files: PodFiles, container: string, restart: number): string =>
  join(files.containerDir(container), `${restart}.message`);

/** In a container's folder; see progress-report.ts. */
export const progressFileName = "progress.json";

/** @throws ImageNotRunnable, ContainerConfigError */
export async function containerSetting(
  pod: Pod,
  container: Container,
  input: { deps: ContainerDeps; files: PodFiles; volumes: ReadonlyMap<string, string>; podIP: string; restart: number },
): Promise<ContainerSetting> {
  const { deps, files, podIP, restart } = input;
  const namespace = pod.metadata.namespace ?? "default";
  const home = join(files.containerDir(container.name), "root");
  const message = messagePath(files, container.name, restart);
  const rules: MountRule[] = [
    ...(await mountRules(container, input.volumes)),
    { path: container.terminationMessagePath ?? defaultMessagePath, dir: message },
  ].sort((a, b) => b.path.length - a.path.length);
  const rewrite = (text: string): string => deps.rewriteHosts(rewritePaths(text, rules), namespace);
  const base = {
    PATH: deps.path,
    HOME: home,
    TMPDIR: join(files.dir, "tmp"),
    HOSTNAME: pod.spec?.hostname ?? pod.metadata.name,
    LANG: "C.UTF-8",
    ...(pod.spec?.enableServiceLinks === false ? {} : deps.serviceEnv(namespace)),
    // The pod's own address: a server must bind it, not 0.0.0.0 (see pod-network.ts).
    SERVAL_HOST: podIP,
    POD_IP: podIP,
    TERMINATION_MESSAGE_PATH: message,
    SERVAL_PROGRESS_FILE: join(files.containerDir(container.name), progressFileName),
  };
  const withStatus: Pod = { ...pod, status: { ...pod.status, podIP } };
  const raw = containerEnv(withStatus, container, { base, references: deps.references(namespace) });
  const env = Object.fromEntries(
    Object.entries(raw).map(([name, value]) => [
      name,
      Object.hasOwn(base, name) && raw[name] === base[name as keyof typeof base] ? value : rewrite(value),
    ]),
  );
  const command = localCommand(container, deps.programs);
  const argv = command.argv.map((text) => rewrite(expandVariables(text, raw)));
  const cwd = container.workingDir === undefined || container.workingDir === "" ? home : rewrite(container.workingDir);
  return { argv, env: { ...env, ...command.env }, cwd, rewrite };
}

/** A start's limits are its own: counters of an earlier start must not speak for this one. */
export const limitsId = (podUid: string, container: string, restart: number): string =>
  `${podUid}-${container}-${restart}`;

/** @throws StartError and what `containerSetting` throws */
export async function startContainer(
  setting: ContainerSetting,
  input: { container: Container; deps: ContainerDeps; files: PodFiles; restart: number; podUid: string },
): Promise<{ running: RunningProcess; limits: ResourceLimits }> {
  const { container, deps, files, restart } = input;
  const dir = files.containerDir(container.name);
  await mkdir(join(files.dir, "tmp"), { recursive: true });
  await mkdir(dir, { recursive: true });
  await rm(messagePath(files, container.name, restart), { force: true });
  const limits = await deps.limits.prepare(limitsId(input.podUid, container.name, restart), container);
  const running = await startProcess({ dir, restart, argv: setting.argv, env: setting.env, cwd: setting.cwd, limits });
  return { running, limits };
}

/** A program may write gigabytes where only the first bytes count. */
async function headOf(path: string, bytes: number): Promise<string> {
  const file = await open(path, "r").catch(() => undefined);
  if (file === undefined) return "";
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, 0);
    return buffer.toString("utf8", 0, bytesRead);
  } catch {
    return "";
  } finally {
    await file.close();
  }
}

/** What the end of a process means, in a container runtime's words. */
export async function terminationOf(
  exit: ProcessExit,
  input: { container: Container; files: PodFiles; running: RunningProcess; limits: ResourceLimits | undefined },
): Promise<Termination> {
  const { container, files, running, limits } = input;
  const wasOom = exit.exitCode !== 0 && (await limits?.wasOomKilled()) === true;
  const written = await headOf(messagePath(files, container.name, running.restart), maxMessageBytes);
  const useLogs =
    written === "" && exit.exitCode !== 0 && container.terminationMessagePolicy === "FallbackToLogsOnError";
  const message = useLogs
    ? await lastLines(logPath(files.containerDir(container.name), running.restart), 80, 2_048)
    : written;
  return {
    exitCode: wasOom ? 137 : exit.exitCode,
    finishedAt: exit.finishedAt,
    startedAt: running.startedAt,
    reason: wasOom ? "OOMKilled" : exit.exitCode === 0 ? "Completed" : "Error",
    message,
  };
}
