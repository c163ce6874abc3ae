// SPDX-License-Identifier: Apache-2.0
// The built-in controllers together, on the embedded API server with a kubelet: rollouts, garbage, namespaces.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type Deployment, type KubeObject, type Pod, resources } from "@serval/api";
import { type PodHome, shell, startPodHome } from "../kubelet/testing/pod-home.ts";

const forever = "while :; do sleep 0.05; done";
const key = (name: string, namespace = "default") => ({ namespace, name });

let home: PodHome;
before(async () => {
  home = await startPodHome({ octet: 14, controllers: true });
});
after(() => home[Symbol.asyncDispose]());

const deployment = (name: string, script: string, spec: object = {}): Deployment =>
  ({
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace: "default" },
    spec: {
      replicas: 2,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: { terminationGracePeriodSeconds: 1, containers: [shell(script)] },
      },
      ...spec,
    },
  }) as unknown as Deployment;

const isRolledOut = ({ metadata, spec, status }: Deployment): boolean =>
  status?.observedGeneration === metadata.generation &&
  [status?.replicas, status?.updatedReplicas, status?.availableReplicas].every((n) => n === spec?.replicas) &&
  status?.conditions?.find(({ type }) => type === "Progressing")?.reason === "NewReplicaSetAvailable";

const podsOf = async (app: string): Promise<Pod[]> =>
  (await home.cluster.list(resources.pods, { namespace: "default", labelSelector: `app=${app}` })).items.filter(
    ({ metadata }) => metadata.deletionTimestamp === undefined,
  );

const configMap = (name: string, owner?: KubeObject, blockOwnerDeletion = false): KubeObject & { data: object } => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: {
    name,
    namespace: "default",
    ...(owner === undefined
      ? {}
      : {
          ownerReferences: [
            {
              apiVersion: owner.apiVersion,
              kind: owner.kind,
              name: owner.metadata.name,
              uid: owner.metadata.uid ?? "",
              blockOwnerDeletion,
            },
          ],
        }),
  },
  data: {},
});
const create = (object: KubeObject) => home.cluster.create(resources.configMaps, object as never);

describe("a Deployment", () => {
  it("rolls out, rolls on to a new template, and keeps a revision to go back to", async () => {
    const { cluster } = home;
    await cluster.create(resources.deployments, deployment("web", forever));
    await home.until(resources.deployments, key("web"), isRolledOut, "rolled out");
    const first = (await podsOf("web")).map(({ metadata }) => metadata.uid);
    const template = { metadata: { labels: { app: "web", round: "two" } } };
    await cluster.patch(resources.deployments, key("web"), { type: "merge", body: { spec: { template } } });
    await home.until(
      resources.deployments,
      key("web"),
      (d) => d.metadata.generation === 2 && isRolledOut(d),
      "rolled on",
    );
    const second = await podsOf("web");
    assert.equal(second.length, 2);
    assert.ok(second.every(({ metadata }) => !first.includes(metadata.uid) && metadata.labels?.["round"] === "two"));
    const sets = (await cluster.list(resources.replicaSets, { namespace: "default", labelSelector: "app=web" })).items;
    assert.deepEqual(sets.map(({ spec }) => spec?.replicas).sort(), [0, 2]);
  });

  it("replaces a pod that is deleted and shrinks when told to", async () => {
    const { cluster } = home;
    await cluster.create(resources.deployments, deployment("heals", forever));
    await home.until(resources.deployments, key("heals"), isRolledOut, "rolled out");
    const victim = (await podsOf("heals"))[0] as Pod;
    await cluster.delete(resources.pods, key(victim.metadata.name), { gracePeriodSeconds: 0 });
    await home.until(
      resources.deployments,
      key("heals"),
      (d) => (d.status?.availableReplicas ?? 0) < 2,
      "short of one",
    );
    await home.until(resources.deployments, key("heals"), isRolledOut, "healed");
    await cluster.patch(resources.deployments, key("heals"), { type: "merge", body: { spec: { replicas: 0 } } });
    await home.until(
      resources.deployments,
      key("heals"),
      (d) => d.spec?.replicas === 0 && d.status?.replicas === undefined,
      "empty",
    );
  });

  it("takes its ReplicaSets and pods with it", async () => {
    await home.cluster.create(resources.deployments, deployment("leaves", forever, { replicas: 1 }));
    await home.until(resources.deployments, key("leaves"), isRolledOut, "rolled out");
    const pod = (await podsOf("leaves"))[0] as Pod;
    const set = (await home.cluster.list(resources.replicaSets, { namespace: "default", labelSelector: "app=leaves" }))
      .items[0];
    await home.cluster.delete(resources.deployments, key("leaves"));
    await home.gone(resources.replicaSets, key(set?.metadata.name ?? ""));
    await home.gone(resources.pods, key(pod.metadata.name));
  });
});

describe("garbage collection", () => {
  it("deletes dependents of a dead owner and never those of a living one", async () => {
    const [dead, alive] = [await create(configMap("dead")), await create(configMap("alive"))];
    await create(configMap("orphaned", dead));
    await create(configMap("kept", alive));
    const shared = configMap("shared", dead);
    shared.metadata.ownerReferences?.push(...(configMap("x", alive).metadata.ownerReferences ?? []));
    await create(shared);
    await home.cluster.delete(resources.configMaps, key("dead"), { propagationPolicy: "Background" });
    await home.gone(resources.configMaps, key("orphaned"));
    for (const name of ["kept", "shared", "alive"])
      assert.notEqual(await home.cluster.get(resources.configMaps, key(name)), undefined, name);
  });

  it("deletes a child that comes after its owner has gone, also when the name lives again", async () => {
    const first = await create(configMap("reborn"));
    await home.cluster.delete(resources.configMaps, key("reborn"));
    await create(configMap("reborn"));
    await create(configMap("late-child", first));
    await home.gone(resources.configMaps, key("late-child"));
    assert.notEqual(await home.cluster.get(resources.configMaps, key("reborn")), undefined);
  });

  it("Foreground: the owner goes after the dependents that block it", async () => {
    const owner = await create(configMap("boss"));
    const child = configMap("blocks", owner, true);
    child.metadata.finalizers = ["test.serval.dev/hold"];
    await create(child);
    await home.cluster.delete(resources.configMaps, key("boss"), { propagationPolicy: "Foreground" });
    await home.until(
      resources.configMaps,
      key("blocks"),
      ({ metadata }) => metadata.deletionTimestamp !== undefined,
      "ending",
    );
    assert.notEqual(await home.cluster.get(resources.configMaps, key("boss")), undefined);
    await home.cluster.patch(resources.configMaps, key("blocks"), {
      type: "merge",
      body: { metadata: { finalizers: null } },
    });
    await home.gone(resources.configMaps, key("boss"));
  });

  it("Orphan: the dependents stay, without their owner", async () => {
    const owner = await create(configMap("parent"));
    await create(configMap("stays", owner));
    await home.cluster.delete(resources.configMaps, key("parent"), { propagationPolicy: "Orphan" });
    await home.gone(resources.configMaps, key("parent"));
    const child = await home.cluster.get(resources.configMaps, key("stays"));
    assert.deepEqual(child?.metadata.ownerReferences ?? [], []);
  });
});

describe("a namespace", () => {
  it("goes after everything in it, pods in their own time", async () => {
    const { cluster } = home;
    await cluster.create(resources.namespaces, { apiVersion: "v1", kind: "Namespace", metadata: { name: "team" } });
    await cluster.create(resources.configMaps, {
      ...configMap("a"),
      metadata: { name: "a", namespace: "team" },
    } as never);
    await cluster.create(resources.pods, {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "p", namespace: "team" },
      spec: { containers: [shell(`trap 'exit 0' TERM; ${forever}`)] },
    });
    await home.until(resources.pods, key("p", "team"), ({ status }) => status?.phase === "Running", "Running");
    await cluster.delete(resources.namespaces, { name: "team" });
    await home.gone(resources.namespaces, { name: "team" });
    assert.equal(await cluster.get(resources.pods, key("p", "team")), undefined);
    assert.equal(await cluster.get(resources.configMaps, key("a", "team")), undefined);
  });
});
