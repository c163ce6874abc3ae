// SPDX-License-Identifier: Apache-2.0
// `serval up`: keeps two processes alive, control plane and gateway, so that a busy control plane never delays a
// request. Owns the data directory's state file. Pods are the control plane's; they outlive all three.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, open } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { processStartTime, signalProcess } from "../kubelet/process-identity.ts";
import { type HomeLayout, type HomeState, isRunning, type ProcessId, readHomeState, writeHomeState } from "./layout.ts";
import { chooseOctet } from "./subnet.ts";

export interface SupervisorOptions {
  readonly layout: HomeLayout;
  readonly version: string;
  readonly node: string;
  readonly serval: string;
  /** `--port`; undefined: the one of last time, else 8080, else a free one. */
  readonly gatewayPort: number | undefined;
  /** One line for people: restarts, a port that had to be another. */
  readonly say: (line: string) => void;
}

export interface Supervisor {
  readonly state: () => HomeState;
  /** Rejects when a role cannot start at all; its last log lines are the message. */
  readonly ready: Promise<void>;
  /** Stops gateway, control plane and, with `pods`, every pod process. Resolves when nothing of it runs any more. */
  stop(options: { pods: boolean }): Promise<void>;
}

/** A failure of `up` that a person can act on. */
export class HomeError extends Error {
  override readonly name = "HomeError";
}

const firstRestartMs = 200;
const maxRestartMs = 10_000;
const stopTimeoutMs = 20_000;
const defaultGatewayPort = 8080;

const tryListen = (port: number): Promise<number | undefined> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(undefined));
    server.listen(port, "127.0.0.1", () => {
      const { port: actual } = server.address() as { port: number };
      server.close(() => resolve(actual));
    });
  });

/** A port that is bound by nobody. `wanted` was asked for by name: busy is an error. */
async function choosePort(wanted: number | undefined, preferred: readonly number[], flag: string): Promise<number> {
  if (wanted !== undefined) {
    if ((await tryListen(wanted)) !== undefined) return wanted;
    throw new HomeError(
      `Cannot listen on port ${wanted}: another program uses it\nFix: stop that program, or choose another port with ${flag} N`,
    );
  }
  for (const port of [...preferred, 0]) {
    const free = await tryListen(port);
    if (free !== undefined) return free;
  }
  throw new HomeError("Cannot listen on any loopback port: this machine has none free or forbids it");
}

async function tailOf(path: string, lines: number): Promise<string> {
  const file = await open(path, "r").catch(() => undefined);
  if (file === undefined) return "";
  const { size } = await file.stat();
  const { buffer } = await file.read(
    Buffer.alloc(Math.min(size, 8_192)),
    0,
    Math.min(size, 8_192),
    Math.max(0, size - 8_192),
  );
  await file.close();
  return buffer.toString("utf8").trim().split("\n").slice(-lines).join("\n");
}

interface Role {
  readonly name: "controlPlane" | "gateway";
  readonly logPath: string;
  child: ChildProcess | undefined;
  /** Settles at the first "ready" message. */
  readonly firstReady: PromiseWithResolvers<void>;
  restartMs: number;
  startedAt: number;
}

/** @throws HomeError when another supervisor runs here or a port is taken. */
export async function startSupervisor(options: SupervisorOptions): Promise<Supervisor> {
  const { layout, node, serval, say, version } = options;
  await mkdir(layout.logDir, { recursive: true, mode: 0o700 }).catch((error: Error) => {
    throw new HomeError(
      `Cannot use data directory "${layout.dataDir}": ${error.message}\nFix: choose another one with --data-dir DIR`,
    );
  });
  const before = await readHomeState(layout);
  if (await isRunning(before?.supervisor)) {
    throw new HomeError(
      `Serval is already up in "${layout.dataDir}" (process ${before?.supervisor?.pid})\nFix: use it as it is (serval status), stop it first (serval down), or choose another --data-dir DIR`,
    );
  }
  await endLeftovers(before);
  const gatewayPort = await choosePort(
    options.gatewayPort,
    [before?.gatewayPort ?? defaultGatewayPort, defaultGatewayPort],
    "--port",
  );
  const apiServerPort = await choosePort(undefined, before === undefined ? [] : [before.apiServerPort], "");
  const self: ProcessId = { pid: process.pid, startTime: (await processStartTime(process.pid)) ?? "" };
  const octet = before?.octet ?? (await chooseOctet(layout.dataDir));
  let state: HomeState = { version, supervisor: self, apiServerPort, gatewayPort, octet, ready: false };
  let stopping: { pods: boolean } | undefined;
  const ready = Promise.withResolvers<void>();
  // One write after the other: two at once would take each other's new file away.
  let written: Promise<void> = Promise.resolve();
  const update = (change: Partial<HomeState>): Promise<void> => {
    state = { ...state, ...change };
    const write = (): Promise<void> => writeHomeState(layout, state);
    written = written.then(write, write);
    return written;
  };
  await update({});

  const role = (name: Role["name"]): Role => ({
    name,
    logPath: join(layout.logDir, name === "gateway" ? "gateway.log" : "control-plane.log"),
    child: undefined,
    firstReady: Promise.withResolvers<void>(),
    restartMs: firstRestartMs,
    startedAt: 0,
  });
  const controlPlane = role("controlPlane");
  const gateway = role("gateway");
  // `begin` waits for one after the other; the other may fail first.
  gateway.firstReady.promise.catch(() => {});
  const argsOf: Record<Role["name"], string[]> = {
    controlPlane: [
      "control-plane",
      "--data-dir",
      layout.dataDir,
      "--port",
      String(apiServerPort),
      "--gateway-port",
      String(gatewayPort),
      "--octet",
      String(octet),
    ],
    gateway: ["gateway", "--kubeconfig", layout.kubeconfig, "--port", String(gatewayPort)],
  };

  const launch = async (target: Role): Promise<void> => {
    const log = await open(target.logPath, "a", 0o600);
    // Ctrl-C came meanwhile: whoever stops could not know of a process that starts after it.
    if (stopping !== undefined) return log.close();
    target.startedAt = performance.now();
    // A process group of its own: Ctrl-C in the terminal reaches the supervisor alone, which stops things in order.
    const child = spawn(node, [serval, ...argsOf[target.name]], {
      detached: true,
      stdio: ["ignore", log.fd, log.fd, "ipc"],
    });
    target.child = child;
    if (state.ready && target.name === "gateway") child.send("api-ready");
    child.on("message", (message) => {
      const { ready: isReady, metrics } = message as { ready?: boolean; metrics?: string };
      if (metrics !== undefined) void update({ metrics });
      if (isReady === true) target.firstReady.resolve();
    });
    child.on("error", () => {});
    child.on("exit", (code, signal) => {
      target.child = undefined;
      void onExit(target, signal ?? `code ${code}`);
    });
    await log.close();
    const startTime = child.pid === undefined ? undefined : await processStartTime(child.pid);
    if (child.pid !== undefined && startTime !== undefined)
      await update({ [target.name]: { pid: child.pid, startTime } });
  };
  const onExit = async (target: Role, how: string): Promise<void> => {
    if (stopping !== undefined) return;
    const reason = await tailOf(target.logPath, 6);
    target.firstReady.reject(
      new HomeError(`The ${label(target)} ended at once (${how}):\n${reason}\nIts log: ${target.logPath}`),
    );
    if (!state.ready) return;
    if (performance.now() - target.startedAt > 60_000) target.restartMs = firstRestartMs;
    say(`The ${label(target)} ended (${how}); starting it again. Its log: ${target.logPath}`);
    setTimeout(() => void (stopping === undefined ? launch(target) : undefined), target.restartMs);
    target.restartMs = Math.min(maxRestartMs, target.restartMs * 2);
  };
  /** The gateway loads its code while the control plane starts, and connects when told that there is an API. */
  const begin = async (): Promise<void> => {
    await Promise.all([launch(controlPlane), launch(gateway)]);
    await controlPlane.firstReady.promise;
    gateway.child?.send("api-ready");
    await gateway.firstReady.promise;
    await update({ ready: true });
  };
  begin().then(ready.resolve, ready.reject);
  ready.promise.catch(() => {});

  return {
    state: () => state,
    ready: ready.promise,
    async stop({ pods }) {
      stopping = { pods };
      await endChild(gateway.child, (child) => child.kill("SIGTERM"));
      await endChild(controlPlane.child, (child) =>
        pods && child.connected ? child.send("stop-pods") : child.kill("SIGTERM"),
      );
      await update({ supervisor: undefined, controlPlane: undefined, gateway: undefined, ready: false });
    },
  };
}

const label = ({ name }: Role): string => (name === "gateway" ? "gateway" : "control plane");

async function endChild(child: ChildProcess | undefined, ask: (child: ChildProcess) => void): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  ask(child);
  const timer = setTimeout(() => child.kill("SIGKILL"), stopTimeoutMs);
  await ended;
  clearTimeout(timer);
}

/** Roles that outlived a killed supervisor: a second control plane on one store must not be. */
async function endLeftovers(before: HomeState | undefined): Promise<void> {
  for (const leftover of [before?.gateway, before?.controlPlane]) {
    if (leftover === undefined || !(await isRunning(leftover))) continue;
    signalProcess(leftover.pid, "SIGTERM");
    const deadline = performance.now() + stopTimeoutMs;
    while ((await isRunning(leftover)) && performance.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 50));
    if (await isRunning(leftover)) signalProcess(leftover.pid, "SIGKILL");
  }
}

/** True when something answers on the port; for `serval status` without a certificate. */
export const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1", timeout: 1_000 });
    const end = (result: boolean): void => {
      socket.destroy();
      resolve(result);
    };
    socket.on("connect", () => end(true));
    socket.on("timeout", () => end(false));
    socket.on("error", () => end(false));
  });
