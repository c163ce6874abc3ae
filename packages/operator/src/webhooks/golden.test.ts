// SPDX-License-Identifier: Apache-2.0
// KServe's recorded refusals: the first line of ours is its text, word for word.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type AnyObject, parseConfig, type ServingRuntime } from "@serval/api";
import type { AdmissionPlugin, AdmissionRequest } from "@serval/kube";
import { mergePatch } from "@serval/kube/patch";
import { goldenCases, goldenConfig, goldenRuntimes, noGolden } from "../testing/golden.ts";
import { type AdmissionDeps, admissionPlugins } from "./plugins.ts";

const clusterScoped = ["ClusterServingRuntime", "ClusterStorageContainer"];

/** No schema is applied here: test/golden has these cases. */
const needSchema: ReadonlySet<string> = new Set(["llm-inv-route-refs-and-spec"]);

/** Where ours answers differently, and why. */
const deviations: Readonly<Record<string, string>> = {
  "inv-hpa-concurrency": "the seed's quick start asks for concurrency with hpa (decision 14): accepted with a warning",
  "inv-no-implementation": "KServe's webhook panics; ours says what is missing",
  "inv-spec-missing": "KServe's webhook panics; ours says what is missing",
};

function requestFor(object: AnyObject, previous: AnyObject | undefined): AdmissionRequest {
  const plural = `${object.kind.toLowerCase()}s`;
  const [group = "", version = ""] = object.apiVersion.split("/");
  const namespaced = !clusterScoped.includes(object.kind);
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

/** A step of a recorded sequence. */
interface RecordedPatch {
  readonly patch: { readonly kind: string; readonly name: string; readonly json: unknown };
}

const isPatch = (input: AnyObject | RecordedPatch): input is RecordedPatch => "patch" in input;

const find = (stored: readonly AnyObject[], kind: string, name: string): AnyObject | undefined =>
  stored.findLast((object) => object.kind === kind && object.metadata.name === name);

/** What the request would store, before admission. */
function written(input: AnyObject | RecordedPatch, stored: readonly AnyObject[]): AnyObject {
  if (isPatch(input)) {
    const { kind, name, json } = input.patch;
    return mergePatch(find(stored, kind, name), json) as AnyObject;
  }
  if (clusterScoped.includes(input.kind)) return input;
  return { ...input, metadata: { ...input.metadata, namespace: "golden" } };
}

/** Applies objects one after the other, as a server would; the refusals, in order. */
async function refusals(
  objects: readonly (AnyObject | RecordedPatch)[],
  plugins: readonly AdmissionPlugin[],
  stored: AnyObject[],
) {
  const messages: string[] = [];
  for (const input of objects) {
    let object = written(input, stored);
    const previous = find(stored, object.kind, object.metadata.name);
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
  const cases = [
    ...goldenCases("validation"),
    ...goldenCases("llm").filter(({ case: name }) => name.startsWith("llm-inv-")),
  ];
  for (const golden of cases) {
    const inputs = (golden.input ?? []).concat((golden.steps ?? []).flatMap((step) => step.do.input ?? []));
    const theirs = (golden.error ?? []).map(({ message }) => message).filter(Boolean);
    // A schema's refusal is the API server's work: test/golden has it.
    const isOurs = theirs.every((message) => message.startsWith("admission webhook"));
    const skip = !isOurs
      ? "refused by the schema"
      : needSchema.has(golden.case)
        ? "shows defaults of the schema"
        : false;
    it(golden.case, { skip }, async () => {
      const { config } = parseConfig(goldenConfig("validation", golden.context.overrides));
      const stored: AnyObject[] = goldenRuntimes();
      const runtimes = (kind: string): ServingRuntime[] =>
        stored.filter((object) => object.kind === kind) as unknown as ServingRuntime[];
      const list: AdmissionDeps["list"] = async (type) =>
        stored.filter(({ kind }) => kind === type.kind) as unknown as never[];
      const deps: AdmissionDeps = { config: () => config, runtimes, list, systemNamespace: "kserve" };
      const ours = await refusals(inputs, admissionPlugins(deps), stored);
      if (golden.case in deviations) assert.notDeepEqual(ours, theirs, "no longer a deviation: remove its entry");
      else assert.deepEqual(ours, theirs);
    });
  }
});
