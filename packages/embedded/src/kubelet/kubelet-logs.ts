// SPDX-License-Identifier: Apache-2.0
// The kubelet's answer to `kubectl logs`: which file a question means, and the refusals in kubelet's words.
import type { Pod } from "@serval/api";
import { ApiError } from "@serval/kube";
import type { LogOptions, PodLogs } from "../apiserver/pod-logs.ts";
import type { ContainerState } from "./container-state.ts";
import type { Kubelet } from "./kubelet.ts";
import { readLog } from "./pod-logs.ts";
import { logNumbers, logPath } from "./process-files.ts";

const refuse = (message: string): ApiError =>
  new ApiError({ apiVersion: "v1", kind: "Status", status: "Failure", reason: "BadRequest", code: 400, message });

const dayMs = 86_400_000;

/** Log lines carry no time of their own; the file's last write is the best that is known, and is said to be that. */
async function* stamped(chunks: AsyncIterable<Uint8Array>, now: () => Date): AsyncGenerator<Uint8Array> {
  const decoder = new TextDecoder();
  let rest = "";
  const stamp = (line: string): string => `${now().toISOString()} ${line}\n`;
  for await (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() as string;
    if (lines.length > 0) yield Buffer.from(lines.map(stamp).join(""));
  }
  if (rest !== "") yield Buffer.from(stamp(rest));
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
    const chunks = readLog(path, {
      tailLines: options.tailLines,
      limitBytes: options.limitBytes,
      follow: options.follow && !options.previous,
      signal: options.signal,
      ended: () => life.state.restarts !== latest || life.state.phase !== "running",
    });
    const isOld =
      options.sinceSeconds !== undefined && options.sinceSeconds * 1_000 < dayMs && life.state.phase !== "running";
    const ended = life.state.termination?.finishedAt;
    if (isOld && ended !== undefined && Date.parse(ended) < now().getTime() - (options.sinceSeconds as number) * 1_000)
      return;
    yield* options.timestamps ? stamped(chunks, now) : chunks;
  }
  return { readLogs };
}
