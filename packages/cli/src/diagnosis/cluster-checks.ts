// SPDX-License-Identifier: Apache-2.0
// What every service of a cluster depends on: the API, Serval's kinds, admission, the operator, gateways, and the optional
// parts. Each check says what it found in one phrase.
import {
  configMapName,
  type Gateway,
  type GatewayClass,
  inferenceServices,
  kserveNamespace,
  parseConfig,
  resources,
  servingCrds,
} from "@serval/api";
import { ApiError, type Cluster, expectSuccess, isNotFound } from "@serval/kube";
import { isServalIdentity, leaseName } from "@serval/operator/leadership/lease.ts";
import { broken, type Check, findingOf, fine } from "./finding.ts";

const wordsOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split("\n")[0] ?? "";

async function apiServer(cluster: Cluster): Promise<Check> {
  try {
    const { body } = expectSuccess(await cluster.transport.send({ method: "GET", path: "/version" }));
    return fine("API server", (body as { gitVersion?: string }).gitVersion ?? "answers");
  } catch (error) {
    return broken("API server", "does not answer", findingOf("ApiUnreachable", wordsOf(error)));
  }
}

/** Kinds of this release, and whether the installed ones have its fields. */
async function kinds(cluster: Cluster): Promise<Check> {
  const wanted = servingCrds();
  const { items } = await cluster.list(resources.customResourceDefinitions);
  const installed = new Map(items.map((crd) => [crd.metadata.name, crd]));
  const missing = wanted.filter(({ metadata }) => !installed.has(metadata.name)).map(({ metadata }) => metadata.name);
  const older = wanted.flatMap(({ metadata, spec }) => {
    const served = installed.get(metadata.name)?.spec.versions.map(({ name }) => name);
    const lacking = spec.versions.filter(({ name }) => served !== undefined && !served.includes(name));
    return lacking.map(({ name }) => `${metadata.name} has no version ${name}`);
  });
  const isvc = installed.get("inferenceservices.serving.kserve.io");
  const schema = JSON.stringify(isvc?.spec.versions ?? {});
  if (isvc !== undefined && !schema.includes('"serval"')) older.push(`${isvc.metadata.name} has no status.serval`);
  if (missing.length + older.length === 0) return fine("Kinds", `${wanted.length} of ${wanted.length} installed`);
  const text = [...missing.map((name) => `${name} is not installed`), ...older].join("; ");
  return broken(
    "Kinds",
    `${wanted.length - missing.length} of ${wanted.length} installed`,
    findingOf("CrdMissing", text),
  );
}

/** An object that no admission lets pass: the refusal proves that admission is at work. Nothing is stored. */
const inadmissible = {
  apiVersion: "serving.kserve.io/v1beta1",
  kind: "InferenceService",
  metadata: { name: "serval-doctor", namespace: "default" },
  spec: {
    predictor: {
      minReplicas: 3,
      maxReplicas: 2,
      model: { modelFormat: { name: "sklearn" }, storageUri: "https://example.com/model" },
    },
  },
};

async function admission(cluster: Cluster): Promise<Check> {
  try {
    await cluster.create(inferenceServices, inadmissible as never, { dryRun: true });
  } catch (error) {
    const text = wordsOf(error);
    if (/failed calling webhook/.test(text))
      return broken("Admission", "a webhook does not answer", findingOf("WebhookFailed", text));
    const isOurs = error instanceof ApiError && /MinReplicas/.test(error.message);
    if (isOurs) return fine("Admission", "in force");
    return fine("Admission", `not tried (${text.slice(0, 60)})`);
  }
  return broken(
    "Admission",
    "not in force",
    findingOf("DependencyMissing", "Wrong InferenceServices are stored unchecked: no webhook is registered for them", {
      fix: "Run serval operator with its webhooks (--webhook-port, --webhook-url)",
      severity: "advice",
    }),
  );
}

async function configuration(cluster: Cluster): Promise<Check> {
  const stored = await cluster.get(resources.configMaps, { namespace: kserveNamespace, name: configMapName });
  const name = `${kserveNamespace}/${configMapName}`;
  if (stored === undefined) return fine("Configuration", `no ${name}: defaults`);
  const { problems } = parseConfig(stored.data);
  const found = problems.map(({ path, message, fix }) =>
    findingOf("InvalidConfig", `ConfigMap ${name}, ${path}: ${message}`, { fix }),
  );
  return broken("Configuration", found.length === 0 ? name : `${found.length} wrong key(s)`, ...found);
}

const condition = ({ status }: Gateway | GatewayClass, type: string): string | undefined =>
  status?.conditions?.find((one) => one.type === type)?.status;

/** Only Gateways that the configuration or a route names would matter; a broken one is worth telling anyway. */
async function gateways(cluster: Cluster): Promise<Check> {
  const list = await cluster.list(resources.gateways).catch((error: unknown) => {
    if (isNotFound(error)) return undefined;
    throw error;
  });
  if (list === undefined)
    return broken(
      "Gateway API",
      "not installed",
      findingOf("GatewayApiMissing", "The cluster has no Gateway API: services get no HTTPRoute"),
    );
  const { items: classes } = await cluster.list(resources.gatewayClasses);
  const found = list.items.flatMap((gateway) => {
    const name = `${gateway.metadata.namespace}/${gateway.metadata.name}`;
    const own = classes.find(({ metadata }) => metadata.name === gateway.spec.gatewayClassName);
    if (own === undefined || condition(own, "Accepted") !== "True")
      return [
        findingOf(
          "GatewayClassUnknown",
          `Gateway ${name}: no controller serves GatewayClass ${gateway.spec.gatewayClassName}`,
        ),
      ];
    if (condition(gateway, "Programmed") === "False")
      return [findingOf("GatewayNotProgrammed", `Gateway ${name}: Programmed is False`)];
    return [];
  });
  if (list.items.length === 0)
    return broken(
      "Gateway API",
      "no Gateway",
      findingOf("GatewayMissing", "The cluster has Gateway API and no Gateway"),
    );
  return broken(
    "Gateway API",
    `${list.items.length - found.length} of ${list.items.length} Gateway(s) ready`,
    ...found,
  );
}

async function hasGroup(cluster: Cluster, group: string): Promise<boolean> {
  const { body } = expectSuccess(await cluster.transport.send({ method: "GET", path: "/apis" }));
  return (body as { groups: { name: string }[] }).groups.some(({ name }) => name === group);
}

/** Only said, never a problem: a service that needs one says so itself. */
async function options(cluster: Cluster): Promise<Check[]> {
  const rows = [
    ["KEDA", "keda.sh", "for autoscalerClass keda"],
    ["Resource metrics", "metrics.k8s.io", "for scaling on cpu and memory"],
    ["Custom metrics", "custom.metrics.k8s.io", "for scaling on other metrics"],
  ] as const;
  return Promise.all(
    rows.map(async ([name, group, use]) =>
      fine(name, (await hasGroup(cluster, group)) ? "found" : `not installed (${use})`),
    ),
  );
}

/** A check that may not read says that, and the others go on. */
async function attempt(name: string, check: Promise<Check>): Promise<Check> {
  try {
    return await check;
  } catch (error) {
    return fine(name, `not checked: ${wordsOf(error)}`);
  }
}

/** The first failing to answer ends the list: the others would only repeat it. */
export async function checkCluster(cluster: Cluster): Promise<Check[]> {
  const api = await apiServer(cluster);
  if (api.findings.length > 0) return [api];
  const checks = await Promise.all([
    attempt("Kinds", kinds(cluster)),
    attempt("Admission", admission(cluster)),
    attempt("Configuration", configuration(cluster)),
    attempt("Gateway API", gateways(cluster)),
  ]);
  return [api, ...checks, ...(await options(cluster).catch(() => []))];
}

/** On a cluster an operator holds a lease; the embedded home's is part of its control plane. */
export async function checkOperator(cluster: Cluster, now: Date): Promise<Check> {
  const lease = await cluster.get(resources.leases, { namespace: kserveNamespace, name: leaseName });
  const { holderIdentity, renewTime, leaseDurationSeconds = 15 } = lease?.spec ?? {};
  const ageMs = now.getTime() - Date.parse(renewTime ?? "");
  if (holderIdentity !== undefined && holderIdentity !== "" && ageMs <= 2_000 * leaseDurationSeconds)
    return isServalIdentity(holderIdentity)
      ? fine("Operator", `${holderIdentity} leads`)
      : broken(
          "Operator",
          "KServe acts, Serval stands by",
          findingOf("KserveActs", `${holderIdentity} holds the lease ${kserveNamespace}/${leaseName}`, {
            severity: "advice",
          }),
        );
  const text =
    renewTime === undefined
      ? `No operator holds the lease ${kserveNamespace}/${leaseName}`
      : `The lease ${kserveNamespace}/${leaseName} was last renewed ${Math.round(ageMs / 1_000)} s ago`;
  return broken("Operator", "not at work", findingOf("OperatorMissing", text));
}
