// SPDX-License-Identifier: Apache-2.0
// `serval control-plane`: the embedded control plane as a process of its own, under `serval up`.
import { homedir } from "node:os";
import { join } from "node:path";
import { startControlPlane } from "@serval/embedded/home/control-plane.ts";
import { homeLayout } from "@serval/embedded/home/layout.ts";
import { createLogger } from "@serval/observe";
import type { Invocation, Io } from "../command.ts";
import { endRole, roleFlags, stopSignal } from "../role.ts";
import { installationRoot, servalBin } from "../serval-bin.ts";
import { version } from "../version.ts";

const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

export async function run(invocation: Invocation, io: Io): Promise<number> {
  const flags = roleFlags(invocation.raw, ["data-dir", "port", "gateway-port", "octet"]);
  const log = createLogger({ component: "control-plane" });
  // Asked to by the supervisor, this process ends the pods too; ended by a signal it leaves them to the next one.
  const stopPods = new Promise<"pods">((resolve) => {
    process.on("message", (message) => {
      if (message === "stop-pods") resolve("pods");
    });
  });
  const stopped = Promise.race([stopPods, stopSignal()]);
  const controlPlane = await startControlPlane({
    layout: homeLayout(flags["data-dir"] as string),
    apiServerPort: Number(flags["port"]),
    gatewayPort: Number(flags["gateway-port"]),
    octet: Number(flags["octet"]),
    version,
    programs: { node: process.execPath, serval: servalBin, examplesDir: join(installationRoot, "examples") },
    cacheDir: io.env["SERVAL_CACHE_DIR"] ?? join(io.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "serval"),
    path: io.env["PATH"] ?? defaultPath,
    log,
  });
  log.info({ url: controlPlane.url, metrics: controlPlane.metricsUrl }, "control plane ready");
  process.send?.({ ready: true, metrics: controlPlane.metricsUrl });
  const pods = (await stopped) === "pods";
  await controlPlane.close({ pods });
  log.info({ pods }, "control plane stopped");
  return endRole();
}
