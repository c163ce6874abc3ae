// SPDX-License-Identifier: Apache-2.0
// KServe on a real cluster as its manifests install it: kinds, configuration, runtimes, webhooks, and its manager in a
// pod, from an image of the program that was given.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { AnyObject } from "@serval/api";
import { createIssuer } from "@serval/kube/pki/issue.ts";
import { parseAllDocuments } from "yaml";
import { readYaml } from "../../golden/case.ts";
import { programArchive } from "../../real/cluster/images.ts";
import { importImages } from "../../real/cluster/node.ts";
import { until } from "../../real/cluster/until.ts";
import type { RealCluster } from "../../real/cluster.ts";
import { startTraefik } from "../../real/traefik.ts";
import { contextDir } from "../shapes.ts";
import { kserveCrds } from "../world.ts";

const namespace = "kserve";
const manager = "kserve-controller-manager";
const image = "docker.io/kserve/kserve-controller:v0.20.0";
const webhooks = { service: "kserve-webhook-server-service", secret: "kserve-webhook-server-cert", port: 9443 };
const healthPort = 8081;
const labels = { "control-plane": manager };
/** The kinds of the Gateway API come with the implementation, those of language models with KServe's other manager. */
const isElsewhere = /gateway\.networking\.k8s\.io|llminferenceservice/;

const kubectlInput = (objects: readonly object[]): string =>
  objects.map((each) => JSON.stringify(each)).join("\n---\n");

const deployment: AnyObject = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: manager, namespace, labels },
  spec: {
    replicas: 1,
    selector: { matchLabels: labels },
    template: {
      metadata: { labels },
      spec: {
        serviceAccountName: manager,
        containers: [
          {
            name: "manager",
            image,
            command: ["/manager"],
            args: ["--leader-elect", `--health-probe-addr=:${healthPort}`, `--webhook-port=${webhooks.port}`],
            env: [{ name: "POD_NAMESPACE", value: namespace }],
            ports: [{ containerPort: webhooks.port, name: "webhook-server" }],
            readinessProbe: { httpGet: { path: "/readyz", port: healthPort }, periodSeconds: 1 },
            volumeMounts: [{ name: "cert", mountPath: "/tmp/k8s-webhook-server/serving-certs", readOnly: true }],
          },
        ],
        volumes: [{ name: "cert", secret: { secretName: webhooks.secret } }],
      },
    },
  },
};

const account: readonly AnyObject[] = [
  { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: manager, namespace } },
  {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRoleBinding",
    metadata: { name: manager },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" },
    subjects: [{ kind: "ServiceAccount", name: manager, namespace }],
  },
  {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: webhooks.service, namespace },
    spec: { selector: labels, ports: [{ port: 443, targetPort: "webhook-server" }] },
  },
];

interface Registered extends AnyObject {
  readonly webhooks: readonly { readonly clientConfig: object }[];
}

/** The configurations and the certificate behind them. */
async function admission(): Promise<AnyObject[]> {
  const issuer = await createIssuer(new Date());
  const authority = await issuer.authority(2);
  const host = `${webhooks.service}.${namespace}.svc`;
  const leaf = await issuer.leaf({
    ...{ commonName: host, names: [host], usage: "server", days: 2 },
    ...{ ca: authority.cert, caKey: authority.key },
  });
  const encoded = (text: string): string => Buffer.from(text).toString("base64");
  const text = readFileSync(join(contextDir, "webhooks.yaml"), "utf8")
    .replaceAll("$(webhookServiceName)", webhooks.service)
    .replaceAll("$(kserveNamespace)", namespace);
  const configurations = parseAllDocuments(text)
    .map((document) => document.toJS() as Registered | null)
    .filter((each) => each !== null)
    .map(({ metadata: { name }, ...each }) => ({
      ...each,
      metadata: { name },
      webhooks: each.webhooks.map((webhook) => ({
        ...webhook,
        admissionReviewVersions: ["v1", "v1beta1"],
        clientConfig: { ...webhook.clientConfig, caBundle: encoded(authority.cert) },
      })),
    }));
  const secret: AnyObject = {
    apiVersion: "v1",
    kind: "Secret",
    type: "kubernetes.io/tls",
    metadata: { name: webhooks.secret, namespace },
    data: { "tls.crt": encoded(leaf.cert), "tls.key": encoded(leaf.key) },
  };
  return [secret, ...configurations];
}

/** With the images' tag of the release, which the node has. */
const clusterText = (): string =>
  ["clusterservingruntimes.yaml", "clusterstoragecontainer-default.yaml"]
    .map((file) =>
      readFileSync(join(contextDir, file), "utf8").replaceAll(/(image: kserve\/\S+):latest/g, "$1:v0.20.0"),
    )
    .join("\n---\n");

/** @param program KServe's `cmd/manager`, static. @throws Error with kubectl's words when it does not get ready. */
export async function installKserve(real: RealCluster, program: string): Promise<void> {
  const { kubectl, placed } = real;
  await importImages(placed, [await programArchive({ image, name: "manager", program }, placed.layout.dir)]);
  const crds = kserveCrds().filter(({ metadata }) => !isElsewhere.test(metadata.name ?? ""));
  // Large schemas take an API server on a busy machine longer than it lets a request take; it goes on where it was.
  await until("KServe's kinds", () => kubectl(["apply", "--server-side", "-f", "-"], kubectlInput(crds)), 180_000);
  // A kind that has no condition yet is an error to kubectl.
  const established = ["wait", "crd", "--all", "--for=condition=Established", "--timeout=60s"];
  await until("KServe's kinds are served", () => kubectl(established));
  const config = readYaml(join(contextDir, "configmap", "raw-gateway.yaml")) as AnyObject;
  const home = { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } };
  await kubectl(["create", "-f", "-"], kubectlInput([home, config, ...account]));
  await startTraefik(real);
  await kubectl(["create", "-f", "-"], clusterText());
  const [secret, ...configurations] = await admission();
  await kubectl(["create", "-f", "-"], kubectlInput([secret as AnyObject, deployment]));
  await kubectl(["rollout", "status", "-n", namespace, `deployment/${manager}`, "--timeout=120s"]);
  await kubectl(["create", "-f", "-"], kubectlInput(configurations));
}
