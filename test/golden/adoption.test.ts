// SPDX-License-Identifier: Apache-2.0
// Pods of Deployments that KServe made, completed by our webhook, against the pods that KServe's own webhook left: every
// recorded Deployment with its recorded pod.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import {
  type AnyObject,
  type ClusterStorageContainer,
  defaultInferenceService,
  type InferenceService,
  internalAnnotations,
  labels,
  type PodSpec,
  parseConfig,
  type Secret,
  type ServiceAccount,
} from "@serval/api";
import type { PodFacts } from "@serval/operator/pod/facts.ts";
import type { PodTemplate } from "@serval/operator/pod/index.ts";
import { completedPod } from "@serval/operator/webhooks/pods.ts";
import { type FoundCase, goldenFolder, readCases } from "./case.ts";
import { deepDifferences } from "./compare.ts";
import { clusterObjects, configData } from "./context.ts";

const folders = ["raw-gateway", "raw-ingress"]
  .map((name) => join(goldenFolder, name))
  .filter((path) => existsSync(path));
const skip = folders.length === 0 ? { skip: `the recorded cases are not at ${goldenFolder} (set SERVAL_GOLDEN)` } : {};

/** What Kubernetes fills into containers that its webhooks add. */
const filledIn =
  /\.(terminationMessagePath|terminationMessagePolicy|imagePullPolicy|failureThreshold|periodSeconds|successThreshold|timeoutSeconds|scheme|defaultMode|apiVersion|divisor)$|^spec\.serviceAccount(Name)?$|tolerations|\.requests/;

/** The recording's API server dropped image volumes, whose feature gate was off. */
const dropsImageVolumes: ReadonlySet<string> = new Set(["raw-config-oci-native", "raw-storage-oci-native"]);

function factsOf(found: FoundCase): PodFacts {
  const given = found.golden.input ?? [];
  const named = <T>(kind: string, name: string): T | undefined =>
    given.find((object) => object.kind === kind && object.metadata.name === name) as T | undefined;
  /** Secrets are written as text, and stored as base64. */
  const secret = (name: string): Secret | undefined => {
    const object = named<Secret>("Secret", name);
    if (object?.stringData === undefined) return object;
    const data = Object.entries(object.stringData).map(([key, text]) => [key, Buffer.from(text).toString("base64")]);
    return { ...object, data: { ...object.data, ...Object.fromEntries(data) } };
  };
  const containers = [...clusterObjects(found.contextDir), ...given].filter(
    ({ kind }) => kind === "ClusterStorageContainer",
  );
  return {
    serviceAccount: (name) => named<ServiceAccount>("ServiceAccount", name),
    secret,
    storageContainers: containers as unknown as ClusterStorageContainer[],
    kubernetesMinor: 34,
  };
}

interface Pair {
  readonly isvc: InferenceService;
  readonly template: PodTemplate;
  readonly pod: AnyObject;
}

/** Deployments that carry KServe's messages, each with a pod of its template. */
function pairsOf({ golden: { input = [], outputs = {} } }: FoundCase): Pair[] {
  const objects = Object.values(outputs);
  return objects.flatMap((deployment) => {
    if (deployment.kind !== "Deployment") return [];
    const { template } = deployment["spec"] as { template: PodTemplate };
    const notes = template.metadata.annotations ?? {};
    if (!Object.keys(notes).some((name) => name.startsWith("internal."))) return [];
    const name = template.metadata.labels?.[labels.inferenceService];
    const isvc = input.find((object) => object.kind === "InferenceService" && object.metadata.name === name);
    const app = template.metadata.labels?.[labels.app];
    const pod = objects.find(({ kind, metadata }) => kind === "Pod" && metadata.labels?.[labels.app] === app);
    return isvc === undefined || pod === undefined ? [] : [{ isvc: isvc as never, template, pod }];
  });
}

function differences(found: FoundCase, { isvc, template, pod }: Pair): string[] {
  const { config } = parseConfig(configData(found));
  const namespaced = { ...isvc, metadata: { ...isvc.metadata, namespace: "golden" } };
  const complete = completedPod(template, {
    isvc: defaultInferenceService(namespaced, config),
    config,
    facts: factsOf(found),
  });
  const part = (metadata: AnyObject["metadata"], spec: unknown) => ({ annotations: metadata.annotations, spec });
  return [...deepDifferences(part(complete.metadata, complete.spec), part(pod.metadata, pod["spec"]), "")]
    .filter(({ field, ours }) => !(ours === undefined && filledIn.test(field)))
    .map(({ field, ours, theirs }) => `${field}: ${JSON.stringify(ours)} instead of ${JSON.stringify(theirs)}`);
}

describe("adoption of KServe's pods", skip, () => {
  const cases = folders.flatMap((folder) => readCases(folder));
  let compared = 0;
  for (const found of cases)
    for (const pair of dropsImageVolumes.has(found.golden.case) ? [] : pairsOf(found)) {
      compared += 1;
      it(`${found.golden.case}: ${pair.pod.metadata.name}`, () => {
        assert.deepEqual(differences(found, pair), []);
      });
    }
  it("has compared most of the recorded pods", () => assert.ok(compared > 100, `${compared}`));
  it("leaves a pod that is complete as it is", () => {
    const [found] = cases;
    const [pair] = found === undefined ? [] : pairsOf(found);
    assert.ok(found !== undefined && pair !== undefined);
    const { config } = parseConfig(configData(found));
    const given = { isvc: pair.isvc, config, facts: factsOf(found) };
    const whole: PodTemplate = { metadata: pair.pod.metadata, spec: pair.pod["spec"] as PodSpec };
    assert.ok(whole.metadata.annotations?.[internalAnnotations.sourceUri] !== undefined);
    assert.deepEqual(completedPod(whole, given), whole);
  });
});
