// SPDX-License-Identifier: Apache-2.0
// KServe's own manager with its definitions, configuration, runtimes and webhooks, from the recorded context
// ($SERVAL_GOLDEN/context). Its account may do everything; leader election is off, because it asks for a pod.
import { copyFile, mkdir, readdir, readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import {
  type AnyObject,
  type CustomResourceDefinition,
  clusterServingRuntimes,
  type InferenceService,
  inferenceServices,
  type ResourceType,
  resources,
} from "@serval/api";
import type { Cluster } from "@serval/kube";
import { typeOf } from "../../packages/cli/src/install/object-types.ts";
import { freePort } from "../../test/cluster/kube-apiserver.ts";
import { readYaml } from "../../test/golden/case.ts";
import { documents } from "../../test/golden/context.ts";
import { kserveWebhooks, register } from "../../test/takeover/kserve.ts";
import { contextDir } from "../../test/takeover/shapes.ts";
import { apply, type ControlPlane, kubeconfigOf, until, untilServed } from "./control-plane.ts";
import type { OperatorUnderTest } from "./operators.ts";

const account = { namespace: "kserve", name: "kserve-controller-manager" };
/** Without VirtualServices the stock configuration costs KServe one event more per reconcile. */
const always = /^(virtualservices\.networking\.istio|(?!llm)[a-z]+\.serving\.kserve)\.io\.json$/;
const gatewayApi = /^(gatewayclasses|gateways|httproutes)\.gateway\.networking\.k8s\.io\.json$/;

async function definitions(ingress: boolean): Promise<CustomResourceDefinition[]> {
  const dir = join(contextDir, "crds");
  const names = (await readdir(dir)).filter((name) => always.test(name) || (!ingress && gatewayApi.test(name)));
  return Promise.all(
    names.map(async (name) => {
      const crd = JSON.parse(await readFile(join(dir, name), "utf8")) as CustomResourceDefinition;
      // Groups of *.k8s.io ask for a word on their approval.
      const annotations = { "api-approved.kubernetes.io": "unapproved", ...crd.metadata.annotations };
      return { ...crd, metadata: { ...crd.metadata, annotations } };
    }),
  );
}

const binding: AnyObject = {
  apiVersion: "rbac.authorization.k8s.io/v1",
  kind: "ClusterRoleBinding",
  metadata: { name: "bench-manager" },
  roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" },
  subjects: [{ kind: "ServiceAccount", ...account }],
} as AnyObject;

const storageContainers: ResourceType<AnyObject> = {
  group: "serving.kserve.io",
  version: "v1alpha1",
  kind: "ClusterStorageContainer",
  plural: "clusterstoragecontainers",
  namespaced: false,
};

/** The manager looks its kinds up once, at its start. */
async function untilDiscovered(cluster: Cluster, crds: readonly CustomResourceDefinition[]): Promise<void> {
  for (const { spec } of crds)
    for (const { name } of spec.versions.filter(({ served }) => served))
      await until(`${spec.names.plural} ${name} in discovery`, async () => {
        const { status, body } = await cluster.transport.send({ method: "GET", path: `/apis/${spec.group}/${name}` });
        const { resources: found = [] } = (status === 200 ? body : {}) as { resources?: { name: string }[] };
        return found.some((resource) => resource.name === spec.names.plural) ? true : undefined;
      });
}

async function install({ cluster }: ControlPlane, ingress: boolean): Promise<void> {
  const crds = await definitions(ingress);
  for (const crd of crds) await cluster.create(resources.customResourceDefinitions, crd);
  await untilDiscovered(cluster, crds);
  const runtimes = clusterServingRuntimes as unknown as ResourceType<AnyObject>;
  for (const type of [inferenceServices as unknown as ResourceType, runtimes, storageContainers])
    await untilServed(cluster, type);
  const name = account.namespace;
  await cluster.apply(resources.namespaces, { apiVersion: "v1", kind: "Namespace", metadata: { name } }, apply);
  const config = readYaml(join(contextDir, "configmap", ingress ? "raw-ingress.yaml" : "raw-gateway.yaml"));
  await cluster.create(resources.configMaps as unknown as ResourceType<AnyObject>, config as AnyObject);
  for (const object of documents(join(contextDir, "clusterservingruntimes.yaml")))
    await cluster.create(runtimes, object);
  for (const object of documents(join(contextDir, "clusterstoragecontainer-default.yaml")))
    await cluster.create(storageContainers, object);
  await cluster.create(typeOf(binding), binding);
}

async function certificates({ api, dir }: ControlPlane): Promise<void> {
  const folder = join(dir, "k8s-webhook-server", "serving-certs");
  const keys = dirname(api.kubeconfig);
  await mkdir(folder, { recursive: true });
  await copyFile(join(keys, "cert.pem"), join(folder, "tls.crt"));
  await copyFile(join(keys, "key.pem"), join(folder, "tls.key"));
}

/** @param manager path of KServe's `cmd/manager`. */
export function kserve(manager: string): OperatorUnderTest {
  let webhookPort = 0;
  return {
    name: "kserve",
    account,
    async prepare(plane, ingress) {
      await install(plane, ingress);
      await certificates(plane);
      webhookPort = await freePort();
      const health = await freePort();
      return {
        command: resolve(manager),
        args: [
          "--metrics-addr=127.0.0.1:0",
          `--health-probe-addr=127.0.0.1:${health}`,
          `--webhook-port=${webhookPort}`,
        ],
        env: {
          KUBECONFIG: await kubeconfigOf(plane, account),
          POD_NAMESPACE: account.namespace,
          // Where it looks for the certificates of its webhooks.
          TMPDIR: plane.dir,
        },
        readyUrl: `http://127.0.0.1:${health}/readyz`,
      };
    },
    async untilInstalled({ api, cluster }) {
      await register(cluster, await kserveWebhooks(api, webhookPort));
      // Ready comes before its webhooks listen.
      const metadata = { name: "bench-asks", namespace: "default" };
      const spec = { predictor: { model: { modelFormat: { name: "sklearn" }, storageUri: "s3://models/none" } } };
      const asked = { apiVersion: "serving.kserve.io/v1beta1", kind: "InferenceService", metadata, spec };
      await until("KServe's webhooks", () =>
        cluster.create(inferenceServices, asked as InferenceService, { dryRun: true }).then(
          () => true as const,
          () => undefined,
        ),
      );
    },
  };
}
