// SPDX-License-Identifier: Apache-2.0
// The kubelet's answer to `kubectl logs`: which file a question means, and the refusals in kubelet's words.
import type { Pod } from "@serval/api";
import { ApiError } from "@serval/kube";
import type { LogOptions, PodLogs } from "../apiserver/pod-logs.ts";
import type { ContainerState } from "./container-state.ts";
import type { Kubelet } from "./kubelet.ts";
import { type LogTimes, readLogTimes } from "./log-times.ts";
import { type LogPiece, readLogPieces } from "./pod-logs.ts";
import { logNumbers, logPath } from "./process-files.ts";

const refuse = (message: string): ApiError =>
  new ApiError({ apiVersion: "v1", kind: "Status", status: "Failure", reason: "BadRequest", code: 400, message });

/** RFC 3339 with nanoseconds before each line, as container runtimes write it. */
async function* stamped(pieces: AsyncIterable<LogPiece>, times: LogTimes): AsyncGenerator<Uint8Array> {
  let rest = Buffer.alloc(0);
  let lastOffset = 0;
  const stamp = (end: number): string => new Date(times.at(end)).toISOString().replace("Z", "000000Z ");
  for await (const { offset, bytes } of pieces) {
    const all = Buffer.concat([rest, bytes]);
    const from = offset - rest.length;
    const lines: (string | Buffer)[] = [];
    let at = 0;
    for (let end = all.indexOf(10); end >= 0; end = all.indexOf(10, at)) {
      lines.push(stamp(from + end), all.subarray(at, end + 1));
      at = end + 1;
    }
    rest = all.subarray(at);
    if (lines.length > 0) yield Buffer.concat(lines.map((part) => Buffer.from(part)));
    lastOffset = offset + bytes.length;
  }
  if (rest.length > 0) yield Buffer.concat([Buffer.from(stamp(lastOffset - 1)), rest]);
}

/** The run that `status.lastState` speaks of. A container in back-off has ended: that run is the previous one. */
export function previousRun(state: ContainerState): number | undefined {
  if (state.lastTermination === undefined) return undefined;
  return state.phase === "waiting" ? state.restarts : state.restarts - 1;
}

/** Source: kubernetes/pkg/kubelet/kubelet_pods.go, validateContainerLogStatus. */
const waitText = ({ reason }: ContainerState): string =>
  reason === "ErrImagePull" ? "trying and failing to pull image" : reason;

export function kubeletLogs(kubelet: Kubelet, now: () => Date = () => new Date()): PodLogs {
  async function* readLogs(pod: Pod, options: LogOptions): AsyncGenerator<Uint8Array> {
    const worker = kubelet.worker(pod.metadata.uid ?? "");
    const life = worker?.life(options.container);
    const where = `container "${options.container}" in pod "${pod.metadata.name}"`;
    if (worker === undefined || life === undefined) throw refuse(`${where} is not running here`);
    const dir = worker.containerDir(options.container);
    const numbers = await logNumbers(dir);
    const wanted = options.previous ? previousRun(life.state) : numbers.at(-1);
    if (options.previous && (wanted === undefined || !numbers.includes(wanted)))
      throw refuse(`previous terminated ${where} not found`);
    if (wanted === undefined) throw refuse(`${where} is waiting to start: ${waitText(life.state)}`);
    const latest = wanted;
    const path = logPath(dir, latest);
    const times = readLogTimes(path, () => now().getTime());
    const since = options.sinceSeconds === undefined ? undefined : now().getTime() - options.sinceSeconds * 1_000;
    const pieces = readLogPieces(path, {
      tailLines: options.tailLines,
      ...(since === undefined ? {} : { fromOffset: times.offsetSince(since) }),
      limitBytes: options.limitBytes,
      follow: options.follow && !options.previous,
      signal: options.signal,
      ended: () => life.state.restarts !== latest || life.state.phase !== "running",
    });
    if (options.timestamps) yield* stamped(pieces, times);
    else for await (const { bytes } of pieces) yield bytes;
  }
  return { readLogs };
}
