// SPDX-License-Identifier: Apache-2.0
// KServe's recorded refusals: the first line of ours is its text, word for word.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type AnyObject, parseConfig, type ServingRuntime } from "@serval/api";
import type { AdmissionPlugin, AdmissionRequest } from "@serval/kube";
import { goldenCases, goldenConfig, goldenRuntimes, noGolden } from "../testing/golden.ts";
import { admissionPlugins } from "./plugins.ts";

const kinds = ["InferenceService", "ServingRuntime", "ClusterServingRuntime"];

/** Where ours answers differently, and why. */
const deviations: Readonly<Record<string, string>> = {
  "inv-hpa-concurrency": "the seed's quick start asks for concurrency with hpa (decision 14): accepted with a warning",
  "inv-no-implementation": "KServe's webhook panics; ours says what is missing",
  "inv-spec-missing": "KServe's webhook panics; ours says what is missing",
};

function requestFor(object: AnyObject, previous: AnyObject | undefined): AdmissionRequest {
  const plural = `${object.kind.toLowerCase()}s`;
  const [group = "", version = ""] = object.apiVersion.split("/");
  const namespaced = object.kind !== "ClusterServingRuntime";
  return {
    operation: previous === undefined ? "CREATE" : "UPDATE",
    resource: { group, version, kind: object.kind, plural, namespaced },
    namespace: namespaced ? "golden" : undefined,
    name: object.metadata.name ?? "",
    object,
    ...(previous === undefined ? {} : { oldObject: previous }),
    user: { username: "test", groups: [] } as unknown as AdmissionRequest["user"],
    dryRun: false,
  };
}

/** Applies objects one after the other, as a server would; the refusals, in order. */
async function refusals(objects: readonly AnyObject[], plugins: readonly AdmissionPlugin[], stored: AnyObject[]) {
  const messages: string[] = [];
  for (const input of objects) {
    const isNamespaced = input.kind !== "ClusterServingRuntime";
    let object: AnyObject = isNamespaced ? { ...input, metadata: { ...input.metadata, namespace: "golden" } } : input;
    const previous = stored.find(
      ({ kind, metadata }) => kind === object.kind && metadata.name === object.metadata.name,
    );
    let denied: string | undefined;
    for (const plugin of plugins) {
      const request = requestFor(object, previous);
      if (!plugin.handles(request)) continue;
      const result = await plugin.admit(request);
      object = result.object ?? object;
      denied ??= result.denied && `admission webhook "${plugin.name}" denied the request: ${result.denied.message}`;
    }
    if (denied === undefined) stored.push(object);
    else messages.push(denied.split("\n")[0] ?? "");
  }
  return messages;
}

describe("admission against KServe's recorded refusals", { skip: noGolden }, () => {
  for (const golden of goldenCases("validation")) {
    const inputs = (golden.input ?? []).concat((golden.steps ?? []).flatMap((step) => step.do.input ?? []));
    const theirs = (golden.error ?? []).map(({ message }) => message).filter(Boolean);
    // A schema's refusal is the API server's work; kinds of later issues have no rules yet.
    const isOurs = theirs.every((message) => message.startsWith("admission webhook"));
    const isKnown = inputs.length > 0 && inputs.every(({ kind }) => kinds.includes(kind));
    const skip = !isOurs ? "refused by the schema" : isKnown ? false : "a kind of a later issue";
    it(golden.case, { skip }, async () => {
      const { config } = parseConfig(goldenConfig("validation", golden.context.overrides));
      const stored: AnyObject[] = goldenRuntimes();
      const runtimes = (kind: string): ServingRuntime[] =>
        stored.filter((object) => object.kind === kind) as unknown as ServingRuntime[];
      const ours = await refusals(inputs, admissionPlugins({ config: () => config, runtimes }), stored);
      if (golden.case in deviations) assert.notDeepEqual(ours, theirs, "no longer a deviation: remove its entry");
      else assert.deepEqual(ours, theirs);
    });
  }
});
