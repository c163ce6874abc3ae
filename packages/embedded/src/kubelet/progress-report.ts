// SPDX-License-Identifier: Apache-2.0
// What a running init container says about its progress, put on its pod as an annotation that the operator shows. The
// initializer writes a file (SERVAL_PROGRESS_FILE); a look twice a second bounds the writes, whatever it does.
import { open } from "node:fs/promises";
import { annotations, keyOf, type Pod, resources } from "@serval/api";
import type { Cluster } from "@serval/kube";
import { isSidecar } from "./pod-status.ts";

export interface ReportingPod {
  readonly uid: string;
  readonly pod: Pod;
  containerDir(name: string): string;
  life(name: string): { readonly isRunning: boolean } | undefined;
}

export interface ProgressReportOptions {
  readonly pods: () => Iterable<ReportingPod>;
  readonly cluster: Pick<Cluster, "patch">;
  /** In the container's folder; see containerSetting. */
  readonly fileName: string;
  readonly onError: (pod: Pod, error: unknown) => void;
}

const maxBytes = 1_024;

const count = (value: unknown): number | undefined =>
  typeof value === "number" && Number.isFinite(value) && value >= 0 ? Math.round(value) : undefined;

/** The annotation's text; undefined for anything else than a report. A container's file is not trusted. */
export function progressAnnotation(text: string): string | undefined {
  try {
    const { phase, bytes, totalBytes } = JSON.parse(text) as Record<string, unknown>;
    if (typeof phase !== "string" || !/^[A-Za-z ]{1,40}$/.test(phase)) return undefined;
    return JSON.stringify({ phase, bytes: count(bytes), totalBytes: count(totalBytes) });
  } catch {
    return undefined;
  }
}

async function readHead(path: string): Promise<string | undefined> {
  const file = await open(path, "r").catch(() => undefined);
  if (file === undefined) return undefined;
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(maxBytes), 0, maxBytes, 0);
    return buffer.toString("utf8", 0, bytesRead);
  } finally {
    await file.close();
  }
}

/** @returns one look at every pod, to be called at most twice a second. Looks do not overlap. */
export function createProgressReports({ pods, cluster, fileName, onError }: ProgressReportOptions) {
  const written = new Map<string, string>();
  let isLooking = false;

  const lookAt = async (worker: ReportingPod): Promise<void> => {
    const running = worker.pod.spec?.initContainers?.find(
      (container) => !isSidecar(container) && worker.life(container.name)?.isRunning === true,
    );
    if (running === undefined) return;
    const text = await readHead(`${worker.containerDir(running.name)}/${fileName}`);
    const report = text === undefined ? undefined : progressAnnotation(text);
    const before = written.get(worker.uid) ?? worker.pod.metadata.annotations?.[annotations.progress];
    if (report === undefined || report === before) return;
    // The uid is a precondition: a pod of the same name that came later is another pod.
    const body = { metadata: { uid: worker.uid, annotations: { [annotations.progress]: report } } };
    await cluster.patch(resources.pods, keyOf(worker.pod), { type: "merge", body });
    written.set(worker.uid, report);
  };

  return async (): Promise<void> => {
    if (isLooking) return;
    isLooking = true;
    try {
      const all = [...pods()];
      const uids = new Set(all.map(({ uid }) => uid));
      for (const uid of written.keys()) if (!uids.has(uid)) written.delete(uid);
      await Promise.all(all.map((worker) => lookAt(worker).catch((error: unknown) => onError(worker.pod, error))));
    } finally {
      isLooking = false;
    }
  };
}
