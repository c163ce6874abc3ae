// SPDX-License-Identifier: Apache-2.0
// The seed's quick start through the real kubectl, a transformer in front of a predictor, and mistakes: each shows its
// cause where people look.
import assert from "node:assert/strict";
import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { pathToFileURL } from "node:url";
import { kubectlPath } from "../kubectl.ts";
import { Home, hostOf, isReady, root, type Service, whyNoLanguageModel } from "./home.ts";

const noKubectl = (await kubectlPath()) === undefined ? "no kubectl for this platform" : undefined;
const noModel = noKubectl ?? (await whyNoLanguageModel());
const example = (path: string): Promise<string> => readFile(join(root, "examples", path), "utf8");

let home: Home;
before(async () => {
  home = await Home.make();
  await home.ready();
});
after(() => home.close());

const apply = async (yaml: string): Promise<string> => {
  const { code, stdout, stderr } = await home.kubectl(["apply", "-f", "-"], yaml);
  assert.equal(code, 0, stderr);
  return stdout;
};

describe("the seed's quick start", { skip: noModel ?? false }, () => {
  // The seed strips https:// and calls curl -k https://. Here there is no certificate: status.url is http with the
  // gateway's port, so http:// is stripped and used.
  it("apply, wait, URL, chat completion", async () => {
    assert.match(await apply(await example("seed-quickstart.yaml")), /inferenceservice\S*\/llama3-8b created/);
    const waited = await home.kubectl(["wait", "--for=condition=Ready", "inferenceservice/llama3-8b", "--timeout=80s"]);
    assert.match(waited.stdout, /condition met/, waited.stderr);
    const { stdout: url } = await home.kubectl([
      "get",
      "inferenceservice",
      "llama3-8b",
      "-o",
      "jsonpath={.status.url}",
    ]);
    assert.match(url, new RegExp(`^http://llama3-8b-default\\.localhost:${home.port}$`));
    const body = { model: "llama3-8b", messages: [{ role: "user", content: "Explain KServe in 2 lines." }] };
    const answer = await home.ask("/v1/chat/completions", { host: hostOf(url), body });
    assert.equal(answer.status, 200, answer.text);
    assert.match(JSON.parse(answer.text).choices[0].message.content, /KServe/);
  });
  it("curl reaches the printed URL as it is", async (t) => {
    const { stdout: url } = await home.kubectl(["get", "isvc", "llama3-8b", "-o", "jsonpath={.status.url}"]);
    const result = await home
      .run("curl", ["-sS", "--max-time", "60", `${url}/v1/models`])
      .catch((error: Error) => error);
    if (result instanceof Error) return t.skip(`no curl here: ${result.message}`);
    assert.match(result.stdout, /"llama3-8b"/, result.stderr);
  });
});

describe("a transformer in front of a predictor", { skip: noKubectl ?? false }, () => {
  it("answers behind one URL; the predictor has its own", async () => {
    await apply(await example("transformer/flowers.yaml"));
    const { status } = await home.until<Service>("readiness of flowers", "flowers", isReady);
    const body = JSON.parse(await example("transformer/requests/flowers.json"));
    const host = hostOf(status?.url as string);
    const answer = await home.ask("/v1/models/flowers:predict", { host, body });
    assert.equal(answer.text, '{"predictions":["setosa","versicolor"]}');
    const numbers = { instances: [[5.1, 3.5, 1.4, 0.2]] };
    const predictor = host.replace("flowers-", "flowers-predictor-");
    assert.equal(
      (await home.ask("/v1/models/flowers:predict", { host: predictor, body: numbers })).text,
      '{"predictions":[0]}',
    );
    assert.equal((await home.ask("/v1/models/flowers:predict", { host, body: numbers })).status, 400);
  });
});

describe("mistakes", { skip: noKubectl ?? false }, () => {
  const service = (name: string, model: object): string =>
    JSON.stringify({
      apiVersion: "serving.kserve.io/v1beta1",
      kind: "InferenceService",
      metadata: { name },
      spec: { predictor: { model } },
    });
  const refusals = [
    { name: "text that is no YAML", yaml: "apiVersion: [", says: /error parsing|yaml/ },
    {
      name: "an unknown field",
      yaml: service("bad", { modelFormat: { name: "sklearn" }, storageUrl: "file:///x" }),
      says: /unknown field "spec\.predictor\.model\.storageUrl"/,
    },
    {
      name: "a value of the wrong type",
      yaml: service("bad", { modelFormat: "sklearn" }),
      says: /spec\.predictor\.model\.modelFormat.*(object|type)/s,
    },
    {
      name: "a name that cannot be",
      yaml: service("Bad_Name", { modelFormat: { name: "sklearn" } }),
      says: /Bad_Name/,
    },
  ];
  for (const { name, yaml, says } of refusals)
    it(`are refused at once: ${name}`, async () => {
      const { code, stderr } = await home.kubectl(["apply", "-f", "-"], yaml);
      assert.equal(code, 1);
      assert.match(stderr, says);
    });

  /** Message of the failing condition; `reason` is what `kubectl get` shows. */
  const failing = (name: string, says: RegExp) =>
    home.until<Service>(`the cause of ${name}`, name, ({ status }) => says.test(JSON.stringify(status ?? {})));
  const causes = [
    {
      name: "unknown-format",
      model: { modelFormat: { name: "crystal-ball" } },
      says: /crystal-ball[\s\S]*(sklearn|xgboost)/,
    },
    { name: "unknown-runtime", model: { modelFormat: { name: "sklearn" }, runtime: "nobody" }, says: /nobody/ },
    {
      name: "unknown-scheme",
      model: { modelFormat: { name: "sklearn" }, storageUri: "ftp://x/y" },
      says: /ftp:\/\/x\/y/,
    },
    {
      name: "missing-model",
      model: { modelFormat: { name: "sklearn" }, storageUri: "file:///nowhere/model" },
      says: /nowhere/,
    },
    {
      name: "wrong-model",
      model: { modelFormat: { name: "sklearn" }, storageUri: "" },
      says: /model\.joblib/,
    },
  ];
  before(async () => {
    const wrong = join(home.dataDir, "wrong-model");
    await mkdir(wrong, { recursive: true });
    await writeFile(join(wrong, "model.joblib"), "this is no model");
    await cp(join(root, "examples/quickstart/llm.yaml"), join(wrong, "README.yaml"));
    (causes[causes.length - 1] as { model: { storageUri?: string } }).model.storageUri = pathToFileURL(wrong).href;
  });
  for (const { name, model, says } of causes)
    it(`show their cause: ${name}`, async () => {
      await apply(service(name, model));
      await failing(name, says);
      const described = await home.serval("describe", name);
      assert.match(described.stdout, says);
      const listed = await home.kubectl(["get", "isvc", name]);
      const [header = "", row = ""] = listed.stdout.split("\n");
      const cell = (column: string): string => row.slice(header.indexOf(column)).split("  ")[0] as string;
      // KServe: a service without a runtime has no conditions yet.
      assert.match(cell("READY"), /^(False|Unknown)/);
      assert.match(cell("REASON"), /^[A-Z]\w+$/, listed.stdout);
    });
  it("show their cause: an image that cannot run here, with the two ways out", async () => {
    const custom = {
      apiVersion: "serving.kserve.io/v1beta1",
      kind: "InferenceService",
      metadata: { name: "foreign-image" },
      spec: { predictor: { containers: [{ name: "kserve-container", image: "example.com/team/model:1" }] } },
    };
    await apply(JSON.stringify(custom));
    const says = /Cannot run image "?\\?"?example\.com\/team\/model:1/;
    await failing("foreign-image", says);
    const { stdout } = await home.serval("describe", "foreign-image");
    assert.match(stdout, /example\.com\/team\/model:1[\s\S]*container engine[\s\S]*cluster/);
  });
  it("can be mended: the service gets ready after the right apply", async () => {
    await apply(
      service("unknown-runtime", {
        modelFormat: { name: "sklearn" },
        storageUri: "file:///examples/models/iris-svc",
      }).replace('"nobody"', ""),
    );
    const { code, stderr } = await home.kubectl([
      "patch",
      "isvc",
      "unknown-runtime",
      "--type=json",
      "-p",
      '[{"op":"remove","path":"/spec/predictor/model/runtime"}]',
    ]);
    assert.ok(code === 0 || /non-existent|nonexistent|missing/i.test(stderr), stderr);
    await home.until<Service>("readiness after mending", "unknown-runtime", isReady);
  });
});

describe("a quota", { skip: noKubectl ?? false }, () => {
  it("shows what is used of it", async () => {
    const hard = "--hard=count/inferenceservices.serving.kserve.io=9";
    const made = await home.kubectl(["create", "quota", "services", hard]);
    assert.equal(made.code, 0, made.stderr);
    const path = "jsonpath={.status.hard}";
    const waited = await home.kubectl(["wait", "quota/services", `--for=${path}`, "--timeout=30s"]);
    assert.equal(waited.code, 0, waited.stderr);
    const { stdout } = await home.kubectl(["get", "quota", "services"]);
    assert.match(stdout, /count\/inferenceservices\.serving\.kserve\.io: \d+\/9/);
    await home.kubectl(["delete", "quota", "services"]);
  });
});
