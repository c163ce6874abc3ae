// SPDX-License-Identifier: Apache-2.0
// Every manifest of the seed, word for word, through kubectl's strict validation: accepted, built, and where this machine
// lacks the GPUs that it asks for, waiting with the reason. (Golden cases hold the objects against KServe's.)
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { Deployment, HorizontalPodAutoscaler, InferenceService, KubeObject } from "@serval/api";
import { kubectlPath } from "../kubectl.ts";
import { Home, root } from "./home.ts";

const noKubectl = (await kubectlPath()) === undefined ? "no kubectl for this platform" : false;

describe("the seed's own YAML", { skip: noKubectl }, () => {
  let home: Home;
  before(async () => {
    home = await Home.make();
    await home.ready();
  });
  after(() => home.close());

  const kubectl = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await home.kubectl(args);
    assert.equal(code, 0, stderr);
    return stdout;
  };
  const read = async <T extends KubeObject>(kind: string, name: string, namespace = "default"): Promise<T> =>
    JSON.parse(await kubectl("get", kind, name, "-n", namespace, "-o", "json")) as T;
  const apply = (file: string) => kubectl("apply", "--validate=strict", "-f", join(root, "examples/seed", file));
  /** Until the cause stands in the Reason column. */
  const reason = async (name: string, namespace: string, wanted: string): Promise<InferenceService> => {
    const path = `jsonpath={.status.serval.reason}=${wanted}`;
    await kubectl("wait", `--for=${path}`, `isvc/${name}`, "-n", namespace, "--timeout=60s");
    return read<InferenceService>("isvc", name, namespace);
  };
  const argsOf = ({ spec }: Deployment): string[] => spec?.template.spec?.containers[0]?.args ?? [];

  it("quick start: vLLM gets its arguments, the GPU that is missing is named", async () => {
    assert.match(await apply("quickstart.yaml"), /llama3-8b created/);
    const isvc = await reason("llama3-8b", "default", "DeviceMissing");
    assert.match(isvc.status?.serval?.message ?? "", /nvidia\.com\/gpu/);
    assert.equal(isvc.status?.clusterServingRuntimeName, "kserve-vllmserver");
    const args = argsOf(await read<Deployment>("deployment", "llama3-8b-predictor"));
    assert.ok(args.includes("--quantization=fp8") && args.includes("--enable-prefix-caching"), args.join(" "));
    const { spec } = await read<HorizontalPodAutoscaler>("hpa", "llama3-8b-predictor");
    assert.deepEqual([spec?.minReplicas, spec?.maxReplicas], [1, 4]);
  });

  it("pattern A, then B: the same service, and with nothing that served before B is no canary", async () => {
    await apply("pattern-a.yaml");
    const { spec } = await read<HorizontalPodAutoscaler>("hpa", "llama3-70b-predictor");
    assert.deepEqual([spec?.minReplicas, spec?.maxReplicas], [2, 16]);
    const limits = (await read<Deployment>("deployment", "llama3-70b-predictor")).spec?.template.spec?.containers[0]
      ?.resources?.limits;
    assert.deepEqual(limits, { cpu: "32", memory: "256Gi", "nvidia.com/gpu": "4" });
    assert.match(await apply("pattern-b.yaml"), /llama3-70b configured/);
    await reason("llama3-70b", "default", "DeviceMissing");
    const args = argsOf(await read<Deployment>("deployment", "llama3-70b-predictor"));
    assert.ok(args.includes("--model=meta-llama/Meta-Llama-3.1-70B-Instruct-v2"), args.join(" "));
    const isvc = await read<InferenceService>("isvc", "llama3-70b");
    assert.equal(isvc.spec.canaryTrafficPercent, 10);
    assert.equal(isvc.status?.canaryStatuses, undefined);
  });

  it("pattern C: a transformer in front of an embedding model", async () => {
    await apply("pattern-c.yaml");
    await reason("pdf-embed", "default", "DeviceMissing");
    const args = argsOf(await read<Deployment>("deployment", "pdf-embed-transformer"));
    assert.deepEqual(args.slice(0, 4), [
      "--model_name",
      "pdf-embed",
      "--predictor_host",
      "pdf-embed-predictor.default",
    ]);
    assert.ok(
      argsOf(await read<Deployment>("deployment", "pdf-embed-predictor")).includes("--task=feature-extraction"),
    );
  });

  it("migration: in its own namespace", async () => {
    await kubectl("create", "namespace", "ml-platform");
    await apply("migration.yaml");
    const isvc = await reason("llama3-70b", "ml-platform", "DeviceMissing");
    assert.equal(isvc.metadata.annotations?.["serving.kserve.io/deploymentMode"], "Standard");
  });
});
