// SPDX-License-Identifier: Apache-2.0
// `serval up`: the embedded home in the foreground (until Ctrl-C) or in the background, with an example on request.
import { spawn } from "node:child_process";
import { mkdir, open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type HomeLayout, isRunning, readHomeState } from "@serval/embedded/home/layout.ts";
import { HomeError, type Supervisor, startSupervisor } from "@serval/embedded/home/supervisor.ts";
import { isStoreInstalled } from "@serval/embedded/store/installed.ts";
import { CommandError, flagText, type Invocation, type Io, UsageError } from "../command.ts";
import type { Example } from "../examples.ts";
import { layoutOf } from "../home.ts";
import { installationRoot, servalBin } from "../serval-bin.ts";
import { version } from "../version.ts";

const exampleTimeoutMs = 300_000;
const detachTimeoutMs = 60_000;
/** npm and the terminal both pass Ctrl-C on: signals this close together are one. */
const sameSignalMs = 1_500;
const supported = new Set(["linux", "darwin"]);

function portFlag(invocation: Invocation): number | undefined {
  const text = flagText(invocation.flags, "port");
  if (text === undefined) return undefined;
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new UsageError(`--port ${text} is not a port; use a number from 1 to 65535`);
  return port;
}

async function showExample(
  example: Example,
  layout: HomeLayout,
  context: { io: Io; gatewayUrl: string; signal: AbortSignal },
): Promise<void> {
  // The home's own processes start first: this one has time while they do.
  const { createCluster, loadKubeconfig, remoteTransport } = await import("@serval/kube");
  const { runTour } = await import("../tour.ts");
  const cluster = createCluster(remoteTransport(await loadKubeconfig(layout.kubeconfig)), "serval-cli");
  try {
    await runTour(cluster, example, { ...context, kubeconfig: layout.kubeconfig, timeoutMs: exampleTimeoutMs });
  } finally {
    await cluster[Symbol.asyncDispose]();
  }
}

/** Settles at the first Ctrl-C or SIGTERM. A second one, later, gives up waiting for a clean end. */
function firstSignal(onSecond: () => void): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let firstAt: number | undefined;
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
      process.on(signal, () => {
        if (firstAt === undefined) {
          firstAt = performance.now();
          resolve(signal);
        } else if (performance.now() - firstAt > sameSignalMs) onSecond();
      });
    }
  });
}

async function foreground(invocation: Invocation, io: Io, example: Example | undefined): Promise<number> {
  const layout = layoutOf(invocation, io);
  const startedAt = performance.now();
  const stopped = new AbortController();
  const signalled = firstSignal(() => process.exit(130)).then(() => stopped.abort());
  const supervisor: Supervisor = await startSupervisor({
    layout,
    version,
    node: process.execPath,
    serval: servalBin,
    gatewayPort: portFlag(invocation),
    say: (line) => io.err(line),
  });
  try {
    if (example !== undefined) void import("../tour.ts");
    await Promise.race([supervisor.ready, signalled]);
    if (!stopped.signal.aborted) {
      const { gatewayPort, apiServerPort } = supervisor.state();
      const gatewayUrl = `http://127.0.0.1:${gatewayPort}`;
      io.out(`Serval ${version} is up after ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
      io.out(`  API server  https://127.0.0.1:${apiServerPort}  (kubeconfig ${layout.kubeconfig})`);
      io.out(`  Gateway     ${gatewayUrl}\n`);
      if (example !== undefined)
        await Promise.race([showExample(example, layout, { io, gatewayUrl, signal: stopped.signal }), signalled]);
      if (!stopped.signal.aborted)
        io.out("\nServing. Ctrl-C stops everything; what was deployed stays for the next start.");
    }
    await signalled;
    io.out("\nStopping …");
    return 0;
  } finally {
    await supervisor.stop({ pods: true });
  }
}

/** A failure of the background process is told with its own words. */
async function waitForHome(layout: HomeLayout, child: { exitCode: number | null }, logPath: string): Promise<void> {
  const deadline = performance.now() + detachTimeoutMs;
  while (performance.now() < deadline) {
    const state = await readHomeState(layout);
    if (state?.ready === true && (await isRunning(state.supervisor))) return;
    if (child.exitCode !== null)
      throw new CommandError((await readFile(logPath, "utf8")).trim().replace(/^serval up: /, ""));
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new CommandError(`The home is not ready after ${detachTimeoutMs / 1000} s\nFix: read ${logPath}`);
}

async function background(invocation: Invocation, io: Io, example: Example | undefined): Promise<number> {
  const layout = layoutOf(invocation, io);
  if (await isRunning((await readHomeState(layout))?.supervisor))
    throw new CommandError(
      `Serval is already up in "${layout.dataDir}"\nFix: use it as it is (serval status), or stop it first (serval down)`,
    );
  await mkdir(layout.logDir, { recursive: true, mode: 0o700 });
  const logPath = join(layout.logDir, "up.log");
  const log = await open(logPath, "w", 0o600);
  const port = flagText(invocation.flags, "port");
  const args = [servalBin, "up", "--data-dir", layout.dataDir, ...(port === undefined ? [] : ["--port", port])];
  const child = spawn(process.execPath, args, { detached: true, stdio: ["ignore", log.fd, log.fd] });
  await log.close();
  await waitForHome(layout, child, logPath);
  child.unref();
  const state = await readHomeState(layout);
  const gatewayUrl = `http://127.0.0.1:${state?.gatewayPort}`;
  io.out(`Serval ${version} is up (process ${child.pid}); stop it with: serval down`);
  io.out(`  API server  https://127.0.0.1:${state?.apiServerPort}  (kubeconfig ${layout.kubeconfig})`);
  io.out(`  Gateway     ${gatewayUrl}`);
  if (example !== undefined)
    await showExample(example, layout, { io, gatewayUrl, signal: new AbortController().signal });
  return 0;
}

async function namedExample(name: string): Promise<Example> {
  const { loadExample } = await import("../examples.ts");
  return loadExample(installationRoot, name);
}

/** @throws HomeError on a platform whose processes the kubelet cannot drive. */
export function refuseUnsupported(platform: NodeJS.Platform): void {
  if (supported.has(platform)) return;
  throw new HomeError(
    `The embedded home does not run on ${platform} yet: its kubelet needs POSIX processes\nFix: use WSL2, Linux or macOS, or apply the same YAML to a Kubernetes cluster`,
  );
}

/** @throws HomeError in an image of a cluster. */
export function refuseWithoutStore(isInstalled = isStoreInstalled()): void {
  if (isInstalled) return;
  throw new HomeError(
    "The embedded home does not run from an image: its store is left out there, since a cluster keeps the objects\nFix: install Serval with npm on the machine, or apply the same YAML to the cluster",
  );
}

export async function run(invocation: Invocation, io: Io): Promise<number> {
  refuseUnsupported(process.platform);
  refuseWithoutStore();
  if (invocation.positionals.length > 0) throw new UsageError(`Unexpected argument "${invocation.positionals[0]}"`);
  portFlag(invocation);
  const name = flagText(invocation.flags, "example");
  const example = name === undefined ? undefined : await namedExample(name);
  return invocation.flags["detach"] === true
    ? background(invocation, io, example)
    : foreground(invocation, io, example);
}
