// SPDX-License-Identifier: Apache-2.0
// What users do between the two hand-overs: an edit, an env entry removed, a canary that is rolled back.
import assert from "node:assert/strict";
import {
  type AnyObject,
  type Deployment,
  type HTTPRoute,
  type InferenceService,
  inferenceServices,
  labels,
  type Pod,
  resources,
} from "@serval/api";
import type { Cluster } from "@serval/kube";
import type { Shape } from "./shapes.ts";
import { until } from "./until.ts";

const namespace = "edits";

const service = (name: string, model: object): AnyObject => ({
  apiVersion: "serving.kserve.io/v1beta1",
  kind: "InferenceService",
  metadata: { name, namespace },
  spec: { predictor: { model: { modelFormat: { name: "sklearn" }, storageUri: `s3://models/${name}/1`, ...model } } },
});

const env = [
  { name: "KEPT", value: "1" },
  { name: "REMOVED", value: "2" },
];

/** Applied under KServe, like the other shapes. */
export const editedShape: Shape = {
  name: namespace,
  namespace,
  objects: [service("uri", {}), service("env", { env }), service("canary", {})],
};

const patch = (cluster: Cluster, name: string, predictor: object): Promise<InferenceService> =>
  cluster.patch(inferenceServices, { namespace, name }, { type: "merge", body: { spec: { predictor } } });

const deploymentOf = (cluster: Cluster, name: string): Promise<Deployment | undefined> =>
  cluster.get(resources.deployments, { namespace, name });

async function podsOf(cluster: Cluster, name: string): Promise<string[]> {
  const { items } = await cluster.list(resources.pods, { namespace, labelSelector: `${labels.app}=isvc.${name}` });
  return (items as Pod[]).map(({ metadata }) => metadata.uid ?? "").sort();
}

const isSettled = ({ metadata, status }: Deployment): boolean =>
  status?.observedGeneration === metadata.generation && status?.updatedReplicas === 1 && status.replicas === 1;

/** A new model: one ordinary roll-out, with the whole pod in the template. */
export async function editUri(cluster: Cluster): Promise<void> {
  const before = await podsOf(cluster, "uri-predictor");
  await patch(cluster, "uri", { model: { storageUri: "s3://models/uri/2" } });
  const edited = await until("the edited model", async () => {
    const deployment = await deploymentOf(cluster, "uri-predictor");
    const [init] = deployment?.spec?.template.spec?.initContainers ?? [];
    return deployment !== undefined && init?.args?.[0] === "s3://models/uri/2" && isSettled(deployment)
      ? deployment
      : undefined;
  });
  const notes = Object.keys(edited.spec?.template.metadata?.annotations ?? {});
  assert.deepEqual(
    notes.filter((name) => name.startsWith("internal.")),
    [],
    "no message to KServe's webhook is left",
  );
  const after = await podsOf(cluster, "uri-predictor");
  assert.equal(after.length, 1);
  assert.notDeepEqual(after, before, "the pod of the old model is gone");
}

/** What KServe wrote and the service no longer says really goes. */
export async function removeEnv(cluster: Cluster): Promise<void> {
  await patch(cluster, "env", { model: { env: [{ name: "KEPT", value: "1" }] } });
  const names = await until("the entry's end", async () => {
    const deployment = await deploymentOf(cluster, "env-predictor");
    const found = deployment?.spec?.template.spec?.containers[0]?.env?.map(({ name }) => name) ?? [];
    return deployment !== undefined && !found.includes("REMOVED") && isSettled(deployment) ? found : undefined;
  });
  assert.ok(names.includes("KEPT"), `${names}`);
}

async function weights(cluster: Cluster): Promise<Record<string, number>> {
  const route = (await cluster.get(resources.httpRoutes, { namespace, name: "canary" })) as HTTPRoute | undefined;
  const backends = route?.spec.rules?.flatMap(({ backendRefs = [] }) => backendRefs) ?? [];
  return Object.fromEntries(backends.map(({ name, weight = 1 }) => [name, weight]));
}

/** A canary of an adopted service, rolled back: its stable pod is the one that KServe started, all the time. */
export async function canaryAndBack(cluster: Cluster): Promise<void> {
  const before = await podsOf(cluster, "canary-predictor");
  await patch(cluster, "canary", { canaryTrafficPercent: 20, model: { storageUri: "s3://models/canary/2" } });
  await until("the canary's share", async () =>
    (await weights(cluster))["canary-predictor-canary"] === 20 ? true : undefined,
  );
  assert.equal((await weights(cluster))["canary-predictor"], 80);
  assert.deepEqual(await podsOf(cluster, "canary-predictor"), before);
  await patch(cluster, "canary", { canaryTrafficPercent: null, model: { storageUri: "s3://models/canary/1" } });
  await until("the canary's end", async () =>
    (await deploymentOf(cluster, "canary-predictor-2")) === undefined ? true : undefined,
  );
  assert.deepEqual(Object.keys(await weights(cluster)), ["canary-predictor"]);
  assert.deepEqual(await podsOf(cluster, "canary-predictor"), before, "the stable pod was not replaced");
}
