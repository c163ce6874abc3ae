// SPDX-License-Identifier: Apache-2.0
// Volumes as directories of this machine. Processes share one file system, so a mount is a rewriting rule: wherever the
// pod's own command, args or env name a mount path, the kubelet puts the directory that backs it (decision 21).
import { mkdir, rm, symlink } from "node:fs/promises";
import { dirname, join, normalize } from "node:path";
import type { Container, Pod, Volume } from "@serval/api";
import { containerResource, podField } from "./downward.ts";
import { publishFiles } from "./published-files.ts";
import { ContainerConfigError, type References } from "./variables.ts";

export interface VolumeSources {
  readonly references: References;
  /** The pod's own directory. */
  readonly podDir: string;
  /** Directory behind a bound claim; undefined while it is not bound. */
  claimDir(namespace: string, claim: string): string | undefined;
}

type File = { path: string; content: string | Buffer; mode: number | undefined };
type Item = { key: string; path: string; mode?: number | undefined };

/** A path inside a volume; `..` would leave it. */
function safePath(path: string): string {
  const normal = normalize(path);
  if (normal.startsWith("..") || normal.startsWith("/"))
    throw new ContainerConfigError(`volume item path "${path}" must stay inside the volume`);
  return normal;
}

function pick(data: Readonly<Record<string, string>>, items: Item[] | undefined, what: string): File[] {
  if (items === undefined)
    return Object.entries(data).map(([path, content]) => ({ path: safePath(path), content, mode: undefined }));
  return items.map(({ key, path, mode }) => {
    const content = data[key];
    if (content === undefined) throw new ContainerConfigError(`${what} references non-existent config key: ${key}`);
    return { path: safePath(path), content, mode };
  });
}

function sourceFiles(
  kind: "configmap" | "secret",
  source: { name?: string | undefined; items?: Item[] | undefined; optional?: boolean | undefined },
  references: References,
): File[] {
  const name = source.name ?? "";
  const data = kind === "secret" ? references.secret(name) : references.configMap(name);
  if (data === undefined) {
    if (source.optional === true) return [];
    throw new ContainerConfigError(`${kind} "${name}" not found`);
  }
  return pick(data, source.items, `${kind} "${name}"`);
}

function downwardFiles(pod: Pod, items: NonNullable<Volume["downwardAPI"]>["items"]): File[] {
  return (items ?? []).map(({ path, fieldRef, resourceFieldRef, mode }) => {
    const container =
      pod.spec?.containers.find((c) => c.name === resourceFieldRef?.containerName) ?? pod.spec?.containers[0];
    const content =
      fieldRef !== undefined
        ? podField(pod, fieldRef.fieldPath)
        : resourceFieldRef !== undefined && container !== undefined
          ? containerResource(pod, container, resourceFieldRef)
          : "";
    return { path: safePath(path), content, mode };
  });
}

/** The files of a volume whose content comes from objects; undefined for plain directories. */
function filesOf(pod: Pod, volume: Volume, references: References): File[] | undefined {
  if (volume.configMap !== undefined) return sourceFiles("configmap", volume.configMap, references);
  if (volume.secret !== undefined)
    return sourceFiles("secret", { ...volume.secret, name: volume.secret.secretName }, references);
  if (volume.downwardAPI !== undefined) return downwardFiles(pod, volume.downwardAPI.items);
  if (volume.projected === undefined) return undefined;
  return (volume.projected.sources ?? []).flatMap((source) => {
    if (source.configMap !== undefined) return sourceFiles("configmap", source.configMap, references);
    if (source.secret !== undefined) return sourceFiles("secret", source.secret, references);
    if (source.downwardAPI !== undefined) return downwardFiles(pod, source.downwardAPI.items);
    return [];
  });
}

async function prepareVolume(pod: Pod, volume: Volume, sources: VolumeSources): Promise<string> {
  const dir = join(sources.podDir, "volumes", volume.name);
  if (volume.hostPath !== undefined) {
    if (volume.hostPath.type === "DirectoryOrCreate") await mkdir(volume.hostPath.path, { recursive: true });
    return volume.hostPath.path;
  }
  if (volume.persistentVolumeClaim !== undefined) {
    const claim = volume.persistentVolumeClaim.claimName;
    const claimDir = sources.claimDir(pod.metadata.namespace ?? "default", claim);
    if (claimDir === undefined)
      throw new ContainerConfigError(`persistentvolumeclaim "${claim}" not found or not bound`);
    return claimDir;
  }
  const files = filesOf(pod, volume, sources.references);
  if (files === undefined && volume.emptyDir === undefined && volume.ephemeral === undefined) {
    const kind = Object.keys(volume).find((key) => key !== "name") ?? "unknown";
    throw new ContainerConfigError(
      `volume "${volume.name}" is of type ${kind}, which the embedded home does not serve; use emptyDir, configMap, secret, persistentVolumeClaim, hostPath, downwardAPI or projected`,
    );
  }
  if (files === undefined) {
    await mkdir(dir, { recursive: true });
    return dir;
  }
  const isSecret = volume.secret !== undefined;
  const fallback =
    volume.secret?.defaultMode ?? volume.configMap?.defaultMode ?? volume.projected?.defaultMode ?? 0o644;
  const modeOf = (mode: number | undefined): number => (isSecret ? (mode ?? fallback) & 0o700 : (mode ?? fallback));
  await publishFiles(
    dir,
    files.map(({ path, content, mode }) => ({ path, content, mode: modeOf(mode) })),
  );
  return dir;
}

/** Whether a volume's content may change while the pod runs, because of this object. */
export function refersTo({ spec }: Pod, kind: "ConfigMap" | "Secret", name: string): boolean {
  const field = kind === "ConfigMap" ? "configMap" : "secret";
  return (spec?.volumes ?? []).some(
    ({ configMap, secret, projected }) =>
      (kind === "ConfigMap" ? configMap?.name : secret?.secretName) === name ||
      (projected?.sources ?? []).some((source) => source[field]?.name === name),
  );
}

export const showsOwnFields = ({ spec }: Pod): boolean =>
  (spec?.volumes ?? []).some(
    ({ downwardAPI, projected }) =>
      downwardAPI !== undefined || (projected?.sources ?? []).some((source) => source.downwardAPI !== undefined),
  );

/**
 * Creates or refreshes every volume of a pod.
 *
 * @returns directory per volume name.
 * @throws ContainerConfigError when something that it refers to is missing or unsupported.
 */
export async function prepareVolumes(pod: Pod, sources: VolumeSources): Promise<ReadonlyMap<string, string>> {
  const dirs = new Map<string, string>();
  for (const volume of pod.spec?.volumes ?? []) {
    // The service account token volume: nothing in the embedded home authenticates with it.
    if (volume.name.startsWith("kube-api-access-")) continue;
    dirs.set(volume.name, await prepareVolume(pod, volume, sources));
  }
  return dirs;
}

/** A mount path and the directory that stands for it, longest path first. */
export type MountRule = { path: string; dir: string };

/** subPath is created so that a writer can use it at once. */
export async function mountRules(container: Container, dirs: ReadonlyMap<string, string>): Promise<MountRule[]> {
  const rules: MountRule[] = [];
  for (const mount of container.volumeMounts ?? []) {
    const dir = dirs.get(mount.name);
    if (dir === undefined) continue;
    const backing = mount.subPath === undefined || mount.subPath === "" ? dir : join(dir, safePath(mount.subPath));
    if (mount.subPath !== undefined && mount.subPath !== "") await mkdir(dirname(backing), { recursive: true });
    rules.push({ path: mount.mountPath.replace(/\/+$/, ""), dir: backing });
  }
  return rules.sort((a, b) => b.path.length - a.path.length);
}

const escapeRegExp = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/**
 * Puts directories where a text names mount paths. A path counts only as a whole path or as the head of one
 * (`/mnt/models/a`), never inside a longer name or behind a scheme's authority.
 */
export function rewritePaths(text: string, rules: readonly MountRule[]): string {
  if (rules.length === 0) return text;
  const byPath = new Map(rules.map(({ path, dir }) => [path, dir]));
  const pattern = new RegExp(
    `(?<![\\w./-])(${rules.map(({ path }) => escapeRegExp(path)).join("|")})(?=$|[/\\s"',:;=)\\]}])`,
    "g",
  );
  return text.replace(pattern, (_whole, path: string) => byPath.get(path) as string);
}

/** A stable short path for people: `volumes/<name>` may be long, logs and docs name the pod instead. */
export async function linkPod(link: string, podDir: string): Promise<void> {
  await mkdir(dirname(link), { recursive: true });
  await rm(link, { force: true });
  await symlink(podDir, link);
}
