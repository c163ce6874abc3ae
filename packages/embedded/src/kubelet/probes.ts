// SPDX-License-Identifier: Apache-2.0
// Probes of one container: when to ask, how to ask, and what a row of answers means.
import { spawn } from "node:child_process";
import { request } from "node:http";
import { request as requestTls } from "node:https";
import { connect } from "node:net";
import type { Container, Probe } from "@serval/api";
import { askGrpcHealth } from "./grpc-health.ts";
import { signalProcess } from "./process-identity.ts";

export interface ProbeTarget {
  readonly podIP: string;
  readonly container: Container;
  /** For exec probes: the container's own environment, directory and path rules. */
  exec(command: readonly string[]): { argv: readonly string[]; env: Readonly<Record<string, string>>; cwd: string };
}

/** `message` says what was seen, for the event. */
export interface ProbeAnswer {
  readonly ok: boolean;
  readonly message: string;
}

const maxOutput = 4_096;

function portOf(port: number | string, container: Container): number {
  const number = Number(port);
  if (Number.isInteger(number)) return number;
  return container.ports?.find((p) => p.name === port)?.containerPort ?? 0;
}

interface Patience {
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

function askHttp(probe: NonNullable<Probe["httpGet"]>, target: ProbeTarget, patience: Patience): Promise<ProbeAnswer> {
  const host = probe.host === undefined || probe.host === "" ? target.podIP : probe.host;
  const url = `${(probe.scheme ?? "HTTP").toLowerCase()}://${host}:${portOf(probe.port, target.container)}${probe.path?.startsWith("/") ? probe.path : `/${probe.path ?? ""}`}`;
  const headers = Object.fromEntries([
    ["user-agent", "kube-probe/1.34"],
    ...(probe.httpHeaders ?? []).map(({ name, value }) => [name, value]),
  ]);
  const isTls = probe.scheme === "HTTPS";
  return new Promise((resolve, reject) => {
    // A kubelet trusts any certificate, and opens a connection per probe: a server may close idle ones.
    const timeout = AbortSignal.timeout(patience.timeoutMs);
    const signal = patience.signal === undefined ? timeout : AbortSignal.any([timeout, patience.signal]);
    const options = { headers, agent: false, signal, rejectUnauthorized: false };
    const asked = (isTls ? requestTls : request)(url, options, (response) => {
      const { statusCode = 0 } = response;
      const ok = statusCode >= 200 && statusCode < 400;
      response.on("error", reject);
      response.on("end", () => resolve({ ok, message: ok ? "" : `HTTP probe failed with statuscode: ${statusCode}` }));
      response.resume();
    });
    asked.on("error", reject);
    asked.end();
  });
}

const askTcp = (port: number, host: string, timeoutMs: number): Promise<ProbeAnswer> =>
  new Promise((resolve) => {
    const socket = connect({ port, host, timeout: timeoutMs });
    const end = (answer: ProbeAnswer): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.on("connect", () => end({ ok: true, message: "" }));
    socket.on("timeout", () => end({ ok: false, message: `dial tcp ${host}:${port}: i/o timeout` }));
    socket.on("error", () => end({ ok: false, message: `dial tcp ${host}:${port}: connect: connection refused` }));
  });

const askExec = (
  command: readonly string[],
  target: ProbeTarget,
  { timeoutMs, signal: stop }: Patience,
): Promise<ProbeAnswer> =>
  new Promise((resolve) => {
    const { argv, env, cwd } = target.exec(command);
    // A group of its own: a shell that is killed alone leaves its children behind, with our pipes open.
    const child = spawn(argv[0] as string, argv.slice(1), {
      env,
      cwd,
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    let [output, isLate] = ["", false];
    const kill = (): void => {
      if (child.pid !== undefined) signalProcess(-child.pid, "SIGKILL");
    };
    const timer = setTimeout(() => {
      isLate = true;
      kill();
    }, timeoutMs);
    stop?.addEventListener("abort", kill);
    const end = (answer: ProbeAnswer): void => {
      clearTimeout(timer);
      stop?.removeEventListener("abort", kill);
      resolve(answer);
    };
    const collect = (chunk: Buffer): void => {
      if (output.length < maxOutput) output += chunk.toString();
    };
    child.stdout.on("data", collect);
    child.stderr.on("data", collect);
    child.on("error", (error) => end({ ok: false, message: error.message }));
    child.on("close", (code) =>
      end({ ok: code === 0, message: isLate ? `command timed out after ${timeoutMs} ms` : output.trim() }),
    );
  });

/** One question. Never throws: a failure to ask is a failed answer. */
export async function askProbe(probe: Probe, target: ProbeTarget, signal?: AbortSignal): Promise<ProbeAnswer> {
  const timeoutMs = (probe.timeoutSeconds ?? 1) * 1_000;
  try {
    if (probe.httpGet !== undefined) return await askHttp(probe.httpGet, target, { timeoutMs, signal });
    if (probe.tcpSocket !== undefined) {
      const host =
        probe.tcpSocket.host === undefined || probe.tcpSocket.host === "" ? target.podIP : probe.tcpSocket.host;
      return await askTcp(portOf(probe.tcpSocket.port, target.container), host, timeoutMs);
    }
    if (probe.exec !== undefined) return await askExec(probe.exec.command ?? [], target, { timeoutMs, signal });
    if (probe.grpc !== undefined) {
      const { port, service = "" } = probe.grpc;
      return await askGrpcHealth({ host: target.podIP, port, service, timeoutMs });
    }
    return { ok: false, message: "the probe has no handler" };
  } catch (error) {
    return { ok: false, message: error instanceof Error ? error.message : String(error) };
  }
}

export interface ProbeLoop {
  stop(): void;
}

/**
 * Asks until stopped; calls `onVerdict` when a verdict is reached or changes: success after `successThreshold`
 * answers, failure after `failureThreshold`.
 *
 * While no verdict is reached a readiness or startup probe is asked every `eagerMs` (at most its period): a server that
 * starts in 100 ms should not wait for a period of 10 s. Kubernetes asks by the period only; failures before the first
 * success are then counted by time, not by number, so that a slow start is judged the same.
 */
export function startProbe(
  probe: Probe,
  target: ProbeTarget,
  options: { eagerMs?: number; onVerdict: (ok: boolean, message: string) => void },
): ProbeLoop {
  const periodMs = (probe.periodSeconds ?? 10) * 1_000;
  const initialMs = (probe.initialDelaySeconds ?? 0) * 1_000;
  const { successThreshold = 1, failureThreshold = 3 } = probe;
  const eagerMs = Math.min(options.eagerMs ?? periodMs, periodMs);
  const startedAt = performance.now();
  let timer: NodeJS.Timeout | undefined;
  let [stopped, verdict, successes, failures] = [false, undefined as boolean | undefined, 0, 0];

  const judge = ({ ok, message }: ProbeAnswer): void => {
    successes = ok ? successes + 1 : 0;
    failures = ok ? 0 : failures + 1;
    const isEager = verdict === undefined && eagerMs < periodMs;
    const failedLongEnough = isEager
      ? performance.now() - startedAt - initialMs >= periodMs * failureThreshold
      : failures >= failureThreshold;
    if (ok && successes >= successThreshold && verdict !== true) {
      verdict = true;
      options.onVerdict(true, "");
      return;
    }
    // A verdict of failure is repeated: each one restarts a container (liveness) or is counted in an event.
    if (ok || !failedLongEnough) return;
    failures = 0;
    verdict = false;
    options.onVerdict(false, message);
  };
  const ask = async (): Promise<void> => {
    const answer = await askProbe(probe, target);
    if (stopped) return;
    judge(answer);
    if (!stopped) timer = setTimeout(() => void ask(), verdict === undefined ? eagerMs : periodMs);
  };
  timer = setTimeout(() => void ask(), initialMs);
  return {
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
