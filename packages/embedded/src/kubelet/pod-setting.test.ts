// SPDX-License-Identifier: Apache-2.0
// What a container is told: variables, the downward API, mounted files, paths. Tables over the pure parts.
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { Container, Pod, Volume } from "@serval/api";
import { containerResource, podField } from "./downward.ts";
import { containerEnv, expandVariables, type References } from "./variables.ts";
import { mountRules, prepareVolumes, rewritePaths } from "./volumes.ts";

const container = (more: Partial<Container> = {}): Container => ({ name: "c", ...more });
const pod = (more: Partial<NonNullable<Pod["spec"]>> = {}): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "p", namespace: "ns", uid: "u", labels: { b: "2", a: 'x"y' }, annotations: { "k/e": "v" } },
  spec: { nodeName: "serval", serviceAccountName: "sa", containers: [container()], ...more },
  status: { podIP: "127.0.0.9" },
});
const references: References = {
  configMap: (name) => (name === "cm" ? { A: "1", "b.txt": "two" } : undefined),
  secret: (name) => (name === "s" ? { token: "t" } : undefined),
};

describe("expandVariables()", () => {
  const cases = [
    ["$(A)-$(B)", "1-2"],
    ["$$(A)", "$(A)"],
    ["$(NOPE)", "$(NOPE)"],
    ["$A ${A} $(", "$A ${A} $("],
    ["$$$$", "$$"],
    ["$(constructor)", "$(constructor)"],
  ];
  for (const [text, want] of cases)
    it(`reads ${text} as ${want}`, () => assert.equal(expandVariables(text as string, { A: "1", B: "2" }), want));
});

describe("containerEnv()", () => {
  const env = (more: Partial<Container>) =>
    containerEnv(pod(), container(more), { base: { PATH: "/bin" }, references });
  it("takes envFrom first, then env, later ones winning and seeing earlier ones", () => {
    const got = env({
      envFrom: [{ prefix: "P_", configMapRef: { name: "cm" } }, { secretRef: { name: "gone", optional: true } }],
      env: [{ name: "P_A", value: "over" }, { name: "C", value: "$(P_A)/$(PATH)" }, { name: "D" }],
    });
    assert.deepEqual(got, { PATH: "/bin", P_A: "over", "P_b.txt": "two", C: "over//bin", D: "" });
  });

  it("does not expand what comes from elsewhere", () => {
    assert.equal(env({ env: [{ name: "N", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } }] })["N"], "p");
  });

  const missing = [
    { ref: { configMapKeyRef: { name: "none", key: "k" } }, message: 'configmap "none" not found' },
    { ref: { configMapKeyRef: { name: "cm", key: "k" } }, message: "couldn't find key k in ConfigMap cm" },
    { ref: { secretKeyRef: { name: "s", key: "k" } }, message: "couldn't find key k in Secret s" },
  ];
  for (const { ref, message } of missing)
    it(`says: ${message}`, () =>
      assert.throws(() => env({ env: [{ name: "X", valueFrom: ref }] }), { name: "ContainerConfigError", message }));

  it("leaves an optional reference out", () => {
    assert.deepEqual(
      env({ env: [{ name: "X", valueFrom: { secretKeyRef: { name: "s", key: "k", optional: true } } }] }),
      { PATH: "/bin" },
    );
  });
});

describe("the downward API", () => {
  const fields = [
    ["metadata.name", "p"],
    ["metadata.labels", 'a="x\\"y"\nb="2"'],
    ["metadata.labels['b']", "2"],
    ["metadata.annotations['k/e']", "v"],
    ["spec.nodeName", "serval"],
    ["spec.serviceAccountName", "sa"],
    ["status.podIP", "127.0.0.9"],
    ["metadata.nothing", ""],
  ];
  for (const [path, want] of fields) it(`has ${path}`, () => assert.equal(podField(pod(), path as string), want));

  const resources = { limits: { memory: "1Gi", cpu: "1500m" }, requests: { cpu: "250m" } };
  const amounts = [
    [{ resource: "limits.memory", divisor: "1Mi" }, "1024"],
    [{ resource: "limits.cpu" }, "2"],
    [{ resource: "requests.cpu", divisor: "1m" }, "250"],
    [{ resource: "requests.memory", divisor: "1Gi" }, "1"],
    [{ resource: "limits.ephemeral-storage" }, "0"],
  ] as const;
  for (const [ref, want] of amounts)
    it(`counts ${ref.resource}`, () => assert.equal(containerResource(pod(), container({ resources }), ref), want));
});

describe("rewritePaths()", () => {
  const rules = [
    { path: "/mnt/models", dir: "/d/m" },
    { path: "/mnt", dir: "/d/mnt" },
  ];
  const cases = [
    ["/mnt/models", "/d/m"],
    ["/mnt/models/1/a.bin", "/d/m/1/a.bin"],
    ["--model_dir=/mnt/models", "--model_dir=/d/m"],
    ["file:///mnt/models/x", "file:///mnt/models/x"],
    ["/mnt/models2", "/d/mnt/models2"],
    ["/other/mnt/models", "/other/mnt/models"],
    ["a:/mnt/models:/mnt", "a:/d/m:/d/mnt"],
    ['{"path":"/mnt/models"}', '{"path":"/d/m"}'],
    ["x/mnt/models", "x/mnt/models"],
  ];
  for (const [text, want] of cases)
    it(`reads ${text} as ${want}`, () => assert.equal(rewritePaths(text as string, rules), want));
});

describe("volumes", () => {
  let podDir: string;
  before(async () => {
    podDir = await mkdtemp(join(tmpdir(), "serval-volumes-"));
  });
  after(() => rm(podDir, { recursive: true, force: true }));
  const prepare = (volume: Volume) =>
    prepareVolumes(pod({ volumes: [volume] }), {
      references,
      podDir,
      claimDir: (_, claim) => (claim === "bound" ? podDir : undefined),
    });

  it("are files of chosen keys, names and modes", async () => {
    const dirs = await prepare({
      name: "v",
      configMap: { name: "cm", items: [{ key: "A", path: "deep/a", mode: 0o400 }] },
    });
    const path = join(dirs.get("v") as string, "deep/a");
    assert.equal(await readFile(path, "utf8"), "1");
    assert.equal((await stat(path)).mode & 0o777, 0o400);
  });

  it("project several sources into one directory", async () => {
    const sources = [
      { secret: { name: "s" } },
      { configMap: { name: "cm" } },
      { downwardAPI: { items: [{ path: "n", fieldRef: { fieldPath: "metadata.name" } }] } },
    ];
    const dir = (await prepare({ name: "all", projected: { sources } })).get("all") as string;
    assert.deepEqual(await Promise.all(["token", "A", "n"].map((name) => readFile(join(dir, name), "utf8"))), [
      "t",
      "1",
      "p",
    ]);
  });

  it("have sub-paths of their own", async () => {
    const dirs = await prepare({ name: "e", emptyDir: {} });
    const rules = await mountRules(
      container({ volumeMounts: [{ name: "e", mountPath: "/data/", subPath: "a/b" }] }),
      dirs,
    );
    assert.deepEqual(rules, [{ path: "/data", dir: join(podDir, "volumes/e/a/b") }]);
  });

  const refused: { volume: Volume; message: RegExp }[] = [
    { volume: { name: "v", configMap: { name: "none" } }, message: /^configmap "none" not found$/ },
    {
      volume: { name: "v", secret: { secretName: "s", items: [{ key: "k", path: "k" }] } },
      message: /references non-existent config key: k/,
    },
    {
      volume: { name: "v", configMap: { name: "cm", items: [{ key: "A", path: "../../a" }] } },
      message: /must stay inside the volume/,
    },
    { volume: { name: "v", persistentVolumeClaim: { claimName: "free" } }, message: /"free" not found or not bound/ },
    {
      volume: { name: "v", nfs: { server: "x", path: "/" } } as Volume,
      message: /of type nfs, which the embedded home does not serve; use emptyDir/,
    },
  ];
  for (const { volume, message } of refused)
    it(`refuse: ${message.source}`, () => assert.rejects(prepare(volume), { name: "ContainerConfigError", message }));
});
