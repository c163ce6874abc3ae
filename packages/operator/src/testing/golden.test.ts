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
  {
    cases: /^gw-multinode$/,
    why: "KServe's clean-up of canaries deletes the workers' Deployment again and again; ours stays",
  },
  {
    cases: /storage-oci-native|config-oci-native/,
    why: "the API server of the recording dropped image volumes, which are behind a feature gate there",
  },
  {
    cases: /storage-spec-missing|storage-container-by-name/,
    why: "KServe makes a Deployment whose pods are refused for ever; ours says why in the status and makes none",
  },
  { cases: /storage-uris-single-default/, why: "the API server fills in mountPath, this test has none" },
  {
    cases: /vllm-legacy-storage-none/,
    why: "a server that cannot load models later is served alone, without a puller that has nothing to pull",
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
