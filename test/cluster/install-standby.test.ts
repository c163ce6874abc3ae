// SPDX-License-Identifier: Apache-2.0
// Serval beside a KServe that acts: ready, says why it does nothing, and changes nothing; then KServe goes, and it acts.
// Of two operators one leads, and the other takes over where that one dies.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import {
  type AnyObject,
  inferenceServices,
  kserveNamespace,
  type ResourceType,
  resources,
  servingCrds,
} from "@serval/api";
import { isServalIdentity, leaseName } from "@serval/operator";
import { askForWebhooks, migrationKey } from "@serval/operator/adoption/handover.ts";
import { mutatingWebhookConfigurations, webhookConfigurations } from "@serval/operator/webhooks/registrations.ts";
import { servalBin } from "../../packages/cli/src/serval-bin.ts";
import { type InstallHome, manifest, type Role, startInstallHome, until, untilReady } from "./install-home.ts";
import { findAssets } from "./kube-apiserver.ts";

const assets = await findAssets(["kube-apiserver", "kube-controller-manager"]);
const skip = assets.startsWith("skip:") ? { skip: assets.slice(6) } : {};
const run = promisify(execFile);
const leaseKey = { namespace: kserveNamespace, name: leaseName };
const kserve = "kserve-controller-manager-5d8_1b2c";
const renewMs = 2_000;

describe("Serval beside KServe on a real kube-apiserver", skip, () => {
  let home: InstallHome;
  let operator: Role;
  let renewing: NodeJS.Timeout | undefined;

  /** As KServe's manager keeps its lease. */
  const renew = async (): Promise<void> => {
    const renewTime = new Date().toISOString().replace("Z", "000Z");
    const body = { spec: { holderIdentity: kserve, leaseDurationSeconds: 15, renewTime } };
    await home.cluster.patch(resources.leases, leaseKey, { type: "merge", body }).catch(() => {});
  };
  /** What Serval would change if it acted. */
  const versions = async (): Promise<unknown> => {
    const types = [mutatingWebhookConfigurations, resources.customResourceDefinitions] as ResourceType[];
    const lists = await Promise.all(types.map((type) => home.cluster.list(type)));
    return lists.flatMap(({ items }) => items.map(({ metadata }) => [metadata.name, metadata.generation]));
  };

  before(async () => {
    home = await startInstallHome(assets);
    await home.done(["create", "namespace", kserveNamespace]);
    // What KServe had installed: its kinds (fewer than ours), its registrations, its lease.
    const crds = servingCrds().filter(({ metadata }) => !metadata.name?.startsWith("llm"));
    for (const crd of crds) await home.cluster.create(resources.customResourceDefinitions, crd);
    const target = { service: { name: "kserve-webhook-server-service", namespace: kserveNamespace } };
    const [registration] = webhookConfigurations({ target, caBundle: "" });
    const annotations = { "cert-manager.io/inject-ca-from": "kserve/serving-cert" };
    const { metadata, ...rest } = registration as AnyObject;
    await home.cluster.create(mutatingWebhookConfigurations, {
      ...rest,
      metadata: { ...metadata, annotations },
    } as AnyObject);
    const lease = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: leaseKey, spec: {} };
    await home.cluster.create(resources.leases, lease);
    await renew();
    renewing = setInterval(() => void renew(), renewMs);
    await home.done(["apply", "--server-side", "-f", manifest]);
  });
  after(() => {
    clearInterval(renewing);
    return home?.close();
  });

  it("is ready, says why, and changes nothing", async () => {
    const before = await versions();
    operator = await home.operator();
    await untilReady(operator);
    const reason = `${kserve} holds the lease ${kserveNamespace}/${leaseName}`;
    assert.equal(operator.log().split(reason).length - 1, 1, operator.log());
    const event = await until("the event", async () => {
      const { items } = await home.cluster.list(resources.coreEvents, { namespace: kserveNamespace });
      return items.find(({ involvedObject }) => involvedObject.name === leaseName);
    });
    assert.match(event.message ?? "", /Serval stands by and changes nothing/);
    const doctor = await run(process.execPath, [servalBin, "doctor", "--kubeconfig", home.server.kubeconfig]).catch(
      (error: { stdout: string }) => error,
    );
    assert.match(doctor.stdout, /KServe acts, Serval stands by/);
    assert.deepEqual(await versions(), before);
  });

  it("stands by too when KServe runs without a lease", async () => {
    clearInterval(renewing);
    const manager = {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "kserve-controller-manager", namespace: kserveNamespace },
      spec: {
        selector: { matchLabels: { app: "kserve" } },
        template: {
          metadata: { labels: { app: "kserve" } },
          spec: { containers: [{ name: "manager", image: "kserve" }] },
        },
      },
    };
    await home.done(["apply", "--server-side", "-f", "-"], manager);
    await until("the reason", () => operator.log().includes("kserve-controller-manager has ready replicas"));
    assert.match(await operator.readiness(), /^200/);
    assert.equal((await home.cluster.get(resources.leases, leaseKey))?.spec?.holderIdentity, kserve);
  });

  it("answers the webhooks before it acts, when it is asked to", async () => {
    const { cluster } = home;
    const kinds = async (): Promise<unknown> => {
      const { items } = await cluster.list(resources.customResourceDefinitions);
      return items.map(({ metadata }) => [metadata.name, metadata.generation]);
    };
    const before = await kinds();
    await cluster.create(resources.configMaps, { apiVersion: "v1", kind: "ConfigMap", metadata: migrationKey });
    await askForWebhooks(cluster, true);
    const empty = {
      apiVersion: "serving.kserve.io/v1beta1",
      kind: "InferenceService",
      metadata: { name: "empty", namespace: "default" },
      spec: { predictor: {} },
    };
    await until("Serval's refusal", async () => {
      const error = await cluster.create(inferenceServices, empty, { dryRun: true }).catch((thrown: unknown) => thrown);
      return /SV1009/.test((error as Error).message);
    });
    assert.match(await operator.readiness(), /^200/);
    assert.equal((await cluster.get(resources.leases, leaseKey))?.spec?.holderIdentity, kserve);
    assert.deepEqual(await kinds(), before);
  });

  it("acts once KServe is gone", async () => {
    await home.done(["scale", "deployment", "kserve-controller-manager", "-n", kserveNamespace, "--replicas=0"]);
    await until("the lead", async () => {
      const lease = await home.cluster.get(resources.leases, leaseKey);
      return isServalIdentity(lease?.spec?.holderIdentity ?? "");
    });
    await untilReady(operator);
    const { items } = await home.cluster.list(mutatingWebhookConfigurations as ResourceType<AnyObject>);
    assert.equal(items.length, 4);
    assert.doesNotMatch(JSON.stringify(items), /kserve-webhook-server-service|inject-ca-from|serval-takeover/);
    // It was ready all the time, because it answered.
    await until("the kinds that KServe had not", async () =>
      /llminferenceservices/.test(await home.done(["get", "crd", "-o", "name"])),
    );
  });

  it("is followed by a second operator, which leads when the first one dies", async () => {
    const second = await home.operator();
    await untilReady(second);
    const holder = async () => (await home.cluster.get(resources.leases, leaseKey))?.spec?.holderIdentity;
    const first = await holder();
    await operator.stop("SIGKILL");
    await until("another leader", async () => {
      const now = await holder();
      return now !== first && now !== "";
    });
    await untilReady(second);
    assert.match(second.log(), /This operator leads/);
  });
});
