// SPDX-License-Identifier: Apache-2.0
// A disk that is really full: a file system of three megabytes. Needs root on Linux to mount it.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { type ConfigMap, resources } from "@serval/api";
import { ApiError, createCluster } from "@serval/kube";
import { silentLogger } from "@serval/observe";
import { lmdbStore } from "../store/index.ts";
import { createApiServer } from "./index.ts";

const run = promisify(execFile);
const canMount = process.platform === "linux" && process.getuid?.() === 0;

const configMap = (name: string, size: number): ConfigMap => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { namespace: "default", name },
  data: { filling: "x".repeat(size) },
});

/** Runs `work` with a directory of `megabytes`, and a function that makes it larger. */
async function withSmallDisk(
  megabytes: number,
  work: (dir: string, grow: (megabytes: number) => Promise<unknown>) => Promise<void>,
): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), "serval-small-"));
  await run("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs", dir]);
  try {
    await work(dir, (more) => run("mount", ["-o", `remount,size=${more}m`, dir]));
  } finally {
    await run("umount", [dir]);
    await rm(dir, { recursive: true });
  }
}

async function startServer(dir: string) {
  const store = await lmdbStore(join(dir, "store"));
  const server = await createApiServer({ store, crds: [], admission: [], log: silentLogger });
  const cluster = createCluster(server.transport, "test");
  const count = async (): Promise<number> =>
    (await cluster.list(resources.configMaps, { namespace: "default" })).items.length;
  const close = async (): Promise<void> => {
    await server.close();
    await store.close();
  };
  return { cluster, count, close };
}

describe("a full disk", { skip: canMount ? false : "needs root on Linux to mount a small file system" }, () => {
  it("refuses writes with what to do, keeps what was acknowledged, and goes on once there is room", async () => {
    await withSmallDisk(3, async (dir, grow) => {
      const server = await startServer(dir);
      let acknowledged = 0;
      const fill = async (): Promise<void> => {
        for (; acknowledged < 1_000; acknowledged++)
          await server.cluster.create(resources.configMaps, configMap(`c${acknowledged}`, 20_000));
      };
      await assert.rejects(
        fill(),
        (error) =>
          error instanceof ApiError &&
          error.code === 507 &&
          /No space left on device; nothing was changed; free disk space and try again/.test(error.message),
      );
      assert.ok(acknowledged > 10);
      assert.equal(await server.count(), acknowledged);
      await grow(9);
      await server.cluster.create(resources.configMaps, configMap("room", 20_000));
      await server.close();
      const again = await startServer(dir);
      assert.equal(await again.count(), acknowledged + 1);
      await again.close();
    });
  });
});
