// SPDX-License-Identifier: Apache-2.0
// Credentials of a registry: the variables of a CI job, else what `docker login` and `podman login` have written.
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";

interface DockerConfig {
  readonly auths?: Readonly<Record<string, { readonly auth?: string }>>;
}

async function configured(file: string): Promise<DockerConfig["auths"]> {
  try {
    return (JSON.parse(await readFile(file, "utf8")) as DockerConfig).auths;
  } catch {
    // No file, or not ours to judge: the registry may need no credentials.
    return undefined;
  }
}

/** @returns the value behind `Basic`, base64 of USER:PASSWORD; undefined: push without credentials. */
export async function basicCredentials(host: string, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const { REGISTRY_USER, REGISTRY_PASSWORD } = env;
  if (REGISTRY_USER !== undefined && REGISTRY_PASSWORD !== undefined)
    return Buffer.from(`${REGISTRY_USER}:${REGISTRY_PASSWORD}`).toString("base64");
  const docker = join(env["DOCKER_CONFIG"] ?? join(env["HOME"] ?? homedir(), ".docker"), "config.json");
  const podman = env["REGISTRY_AUTH_FILE"] ?? join(env["XDG_RUNTIME_DIR"] ?? "/nonexistent", "containers/auth.json");
  for (const file of [docker, podman]) {
    const auths = await configured(file);
    const found = auths?.[host]?.auth ?? auths?.[`https://${host}`]?.auth;
    if (found !== undefined) return found;
  }
  return undefined;
}
