// SPDX-License-Identifier: Apache-2.0
// The regression floor: recorded cases of KServe's real controllers against our defaulting and builders, field by field.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { goldenCases, noGolden } from "./golden.ts";
import { goldenDifferences } from "./golden-run.ts";

/** Where ours differs, and why: first what comes with a later issue, then what we do better on purpose. */
const deviations: readonly { readonly cases: RegExp; readonly why: string }[] = [
  { cases: /^gw-canary-(multiple|promote|transformer)/, why: "the split needs ready canaries, which the runner plays" },
  { cases: /^raw-graph-(?!servicename)/, why: "InferenceGraph comes with its own issue" },
  { cases: /keda-default|stop-transformer-keda/, why: "KServe's ScaledObject has no trigger; ours falls back to cpu" },
  { cases: /multinode/, why: "workerSpec comes with its own issue; the status says so" },
  {
    cases: /^raw-sa-|config-s3-defaults|config-cabundle/,
    why: "credentials and CA bundles come with the whole-pod issue",
  },
  { cases: /storage-oci|config-oci-native/, why: "OCI models come with the whole-pod issue; the status says so" },
  {
    cases: /storage-(spec-|uris-|modelscope|container-)/,
    why: "storage specs, lists and ClusterStorageContainers come with the whole-pod issue; the status says so",
  },
  {
    cases: /storage-(file|relative)$|config-oci-disabled/,
    why: "without a ClusterStorageContainer KServe leaves the pull policy to Kubernetes; ours is IfNotPresent",
  },
  {
    cases: /^raw-trainedmodel(?!-no-parent)|vllm-legacy-storage-none/,
    why: "multi-model serving comes with its own issue; a model without storage is served alone",
  },
  { cases: /long-name|name-too-long/, why: "the workload is built, only the route cannot be: IngressReady says why" },
  {
    cases: /config-rollout-strategy/,
    why: "KServe sends the ConfigMap's absolute numbers as percentages and is refused; ours works",
  },
  {
    cases: /limit-below-default-request/,
    why: "KServe's Deployment is refused by the API server; the same happens to ours there",
  },
  { cases: /template-index-quotes/, why: "KServe expands templates inside JSON and fails on quotes; ours works" },
];
const whyDeviating = (name: string): string | undefined => deviations.find(({ cases }) => cases.test(name))?.why;

for (const folder of ["raw-gateway", "raw-ingress"]) {
  describe(`objects of ${folder}`, { skip: noGolden }, () => {
    for (const golden of goldenCases(folder)) {
      const why = whyDeviating(golden.case);
      const run = (): string[] => {
        try {
          return [...goldenDifferences(golden, folder)];
        } catch (error) {
          return [String(error)];
        }
      };
      if (why === undefined) it(golden.case, () => assert.deepEqual(run(), []));
      else it(`${golden.case} deviates: ${why}`, () => assert.notDeepEqual(run(), [], "equal: narrow its entry"));
    }
  });
}
