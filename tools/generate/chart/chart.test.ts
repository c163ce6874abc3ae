// SPDX-License-Identifier: Apache-2.0
// The chart under Helm 4: with its defaults it is the manifest, and every value reaches the place that it names.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { AnyObject } from "@serval/api";
import { parse, parseAllDocuments } from "yaml";
import { helmPath } from "../../../test/kubectl.ts";
import { takenValues } from "./kserve-values.ts";
import { chartValues, valuesYaml } from "./values.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const chart = join(root, "deploy/chart");
const helm = await helmPath();
const run = promisify(execFile);

let work: string;
before(async () => {
  work = await mkdtemp(join(tmpdir(), "serval-chart-"));
});
after(() => rm(work, { recursive: true, force: true }));

const objectsIn = (text: string): AnyObject[] =>
  parseAllDocuments(text)
    .map((document) => document.toJS() as AnyObject | null)
    .filter((object) => object !== null);

const idOf = ({ kind, metadata }: AnyObject): string => `${kind} ${metadata.namespace ?? ""}/${metadata.name}`;
const byId = (objects: readonly AnyObject[]) => new Map(objects.map((object) => [idOf(object), object]));

async function helmRun(command: readonly string[], values: object): Promise<string> {
  const file = join(work, "values.json");
  await writeFile(file, JSON.stringify(values));
  const env = { ...process.env, HELM_CACHE_HOME: work, HELM_CONFIG_HOME: work, HELM_DATA_HOME: work };
  const { stdout } = await run(helm!, [...command, "-n", "serval-system", "-f", file], { env });
  return stdout;
}

const template = async (values: object = {}): Promise<AnyObject[]> =>
  objectsIn(await helmRun(["template", "serval", chart], values));

/** A deep look: `spec.template.spec.containers.0.image`. */
const at = (object: unknown, path: string): unknown =>
  path.split(".").reduce<unknown>((node, key) => (node as Record<string, unknown> | undefined)?.[key], object);

const [pod, container] = ["spec.template.spec", "spec.template.spec.containers.0"];
const sample = [{ name: "x" }];

/** For both Deployments: where a value arrives; the gateway's below `gateway`. */
const arrivals: ReadonlyArray<readonly [value: string, given: unknown, path: string]> = [
  ["replicaCount", 3, "spec.replicas"],
  ["resources", { limits: { memory: "2Gi" } }, `${container}.resources`],
  ["nodeSelector", { disk: "ssd" }, `${pod}.nodeSelector`],
  ["tolerations", [{ operator: "Exists" }], `${pod}.tolerations`],
  ["affinity", { nodeAffinity: {} }, `${pod}.affinity`],
  ["podAnnotations", { a: "b" }, "spec.template.metadata.annotations"],
  ["priorityClassName", "high", `${pod}.priorityClassName`],
  ["podSecurityContext", { fsGroup: 5 }, `${pod}.securityContext`],
  ["securityContext", { runAsUser: 7 }, `${container}.securityContext`],
  ["extraVolumes", sample, `${pod}.volumes`],
  ["extraVolumeMounts", sample, `${container}.volumeMounts`],
  ["extraEnv", sample, `${container}.env`],
  ["extraArgs", ["--x"], `${container}.args`],
];

/** What was given is there: whole, as the last items, or merged into the defaults. */
function assertArrived(found: unknown, given: unknown): void {
  if (Array.isArray(given) && Array.isArray(found)) assert.deepEqual(found.slice(-given.length), given);
  else if (typeof given === "object") assert.deepEqual({ ...(found as object), ...given }, found);
  else assert.equal(found, given);
}

describe("the chart", { skip: helm === undefined ? "Helm has no build for this platform" : false }, () => {
  for (const [name, values] of [
    ["serval.yaml", {}],
    ["serval-without-gateway.yaml", { gateway: { enabled: false } }],
  ] as const)
    it(`is ${name}`, async () => {
      const manifest = byId(objectsIn(await readFile(join(root, "deploy", name), "utf8")));
      const rendered = byId(await template({ createNamespace: true, ...values }));
      assert.deepEqual([...rendered.keys()].sort(), [...manifest.keys()].sort());
      for (const [id, object] of manifest) assert.deepEqual(rendered.get(id), object, id);
    });

  for (const part of ["operator", "gateway"] as const)
    for (const [value, given, path] of arrivals)
      it(`${part}: ${value}`, async () => {
        const values = part === "operator" ? { [value]: given } : { gateway: { [value]: given } };
        const objects = byId(await template(values));
        assertArrived(at(objects.get(`Deployment serval-system/serval-${part}`), path), given);
        const other = part === "operator" ? "gateway" : "operator";
        const untouched = byId(await template()).get(`Deployment serval-system/serval-${other}`);
        assert.deepEqual(objects.get(`Deployment serval-system/serval-${other}`), untouched);
      });

  it("names every image by one registry and one tag", async () => {
    const objects = await template({
      image: { registry: "lost", tag: "v9" },
      global: { imageRegistry: "r.example.com/t/" },
    });
    const deployments = objects.filter(({ kind }) => kind === "Deployment");
    for (const object of deployments)
      assert.equal(at(object, `${container}.image`), "r.example.com/t/serval/serval:v9");
    const args = at(
      deployments.find(({ metadata }) => metadata.name === "serval-operator"),
      `${container}.args`,
    );
    assert.ok((args as string[]).includes("--repository=r.example.com/t/serval"));
    assert.ok((args as string[]).includes("--image-tag=v9"));
  });

  it("renames what may be renamed, and every reference to it", async () => {
    const values = { fullnameOverride: "ml", nameOverride: "models", serviceAccount: { create: false, name: "given" } };
    const objects = byId(await template(values));
    const named = (kind: string) => [...objects.values()].filter((object) => object.kind === kind);
    assert.deepEqual(
      named("Deployment")
        .map(({ metadata }) => metadata.name)
        .sort(),
      ["ml-gateway", "ml-operator"],
    );
    assert.deepEqual(
      named("ServiceAccount").map(({ metadata }) => metadata.name),
      ["ml-gateway"],
    );
    const subjects = [...named("ClusterRoleBinding"), ...named("RoleBinding")].map((object) =>
      at(object, "subjects.0.name"),
    );
    assert.deepEqual(new Set(subjects), new Set(["given", "ml-gateway"]));
    for (const object of named("Deployment")) {
      const labels = at(object, "spec.template.metadata.labels");
      assertArrived(labels, at(object, "spec.selector.matchLabels"));
      assert.equal(
        at(labels, "app.kubernetes.io/name") ?? (labels as Record<string, string>)["app.kubernetes.io/name"],
        "models",
      );
    }
    const gatewayArgs = at(objects.get("Deployment serval-system/ml-gateway"), `${container}.args`) as string[];
    assert.ok(gatewayArgs.includes("--service=serval-system/ml-gateway"));
    assert.ok(objects.has("Service serval-system/ml-gateway"));
    // The API server and the operator know these by name.
    assert.ok(objects.has("Service serval-system/serval-webhooks"));
    assert.ok(objects.has("ClusterRole /serval-operator"));
  });

  it("has a disruption budget where there is more than one", async () => {
    const budgets = async (values: object) =>
      (await template(values))
        .filter(({ kind }) => kind === "PodDisruptionBudget")
        .map(({ metadata }) => metadata.name);
    assert.deepEqual(await budgets({}), ["serval-gateway"]);
    assert.deepEqual(await budgets({ replicaCount: 2, gateway: { replicaCount: 1 } }), ["serval-operator"]);
  });

  it("labels, accounts, the gateway's Service, the monitor, the log level, the kinds", async () => {
    const objects = byId(
      await template({
        commonLabels: { team: "ml" },
        serviceAccount: { annotations: { role: "r" } },
        gateway: { service: { type: "ClusterIP", annotations: { lb: "internal" } } },
        metrics: { serviceMonitor: { enabled: true, labels: { release: "prom" } } },
        logLevel: "debug",
        crds: { install: false },
      }),
    );
    const get = (id: string, path: string): unknown => at(objects.get(id), path);
    const deployment = "Deployment serval-system/serval-operator";
    for (const path of ["metadata.labels", "spec.template.metadata.labels"])
      assertArrived(get(deployment, path), { team: "ml" });
    assertArrived(get("ServiceAccount serval-system/serval-operator", "metadata.annotations"), { role: "r" });
    assertArrived(get("Service serval-system/serval-gateway", "metadata.annotations"), { lb: "internal" });
    assert.equal(get("Service serval-system/serval-gateway", "spec.type"), "ClusterIP");
    assertArrived(get("ServiceMonitor serval-system/serval", "metadata.labels"), { release: "prom" });
    const service = get("Service serval-system/serval-metrics", "spec.selector");
    assertArrived(get(deployment, "spec.template.metadata.labels"), service);
    assert.deepEqual((get(deployment, `${container}.args`) as string[]).slice(-2), [
      "--install=false",
      "--log-level=debug",
    ]);
  });

  for (const [theirs, ours] of Object.entries(takenValues))
    it(`takes kserve.controller.${theirs} as ${ours}`, async () => {
      const given = ours === "tolerations" || ours === "imagePullSecrets" ? sample : { a: "b" };
      const deployment = async (values: object) =>
        byId(await template(values)).get("Deployment serval-system/serval-operator");
      const [own, taken] = [
        await deployment({ [ours]: given }),
        await deployment({ kserve: { controller: { [theirs]: given } } }),
      ];
      const path = arrivals.find(([value]) => value === ours)?.[2] ?? `${pod}.imagePullSecrets`;
      assertArrived(at(taken, path), given);
      assertArrived(at(own, path), given);
    });

  it("says what becomes of KServe's values", async () => {
    const kserve = { controller: { deploymentMode: "Standard", nodeSelector: { a: "b" } }, storage: { image: "x" } };
    const notes = await helmRun(["install", "serval", chart, "--dry-run=client"], { kserve });
    assert.match(notes, /kserve\.controller\.nodeSelector is taken; write nodeSelector/);
    assert.match(notes, /kserve\.controller\.deploymentMode has no effect here: kubectl edit configmap/);
    assert.match(notes, /kserve\.storage has no effect here/);
    assert.doesNotMatch(notes, /kserve\.router|controller\.tolerations/);
    assert.doesNotMatch(await helmRun(["install", "serval", chart, "--dry-run=client"], {}), /deprecated/);
  });

  const refused: ReadonlyArray<readonly [values: object, message: RegExp]> = [
    [{ replicas: 2 }, /replicas/],
    [{ replicaCount: "many" }, /replicaCount/],
    [{ image: { pullPolicy: "Sometimes" } }, /pullPolicy/],
    [{ gateway: { service: { type: "External" } } }, /type/],
    [{ crds: { keep: false } }, /keep/],
  ];
  for (const [values, message] of refused)
    it(`refuses ${JSON.stringify(values)}`, () => assert.rejects(template(values), message));
});

describe("values.yaml", () => {
  it("says every default with a sentence above it", () => {
    const values = parse(valuesYaml()) as unknown;
    for (const { path, default: value, help } of chartValues) {
      assert.deepEqual(at(values, path), value, path);
      assert.match(help, /^[A-Z].{5,}/, path);
    }
  });
});
