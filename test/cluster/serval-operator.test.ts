// SPDX-License-Identifier: Apache-2.0
// `serval operator` as a process against a real kube-apiserver: ready, judging, gone at SIGTERM; wrong flags by name.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { after, before, describe, it } from "node:test";
import { type AnyObject, inferenceServices, type ResourceType } from "@serval/api";
import { servalBin } from "../../packages/cli/src/serval-bin.ts";
import { findAssets, freePort } from "./kube-apiserver.ts";
import { startWebhookHome, until, type WebhookHome } from "./webhook-home.ts";

const assets = await findAssets();
const skip = assets.startsWith("skip:") ? { skip: assets.slice(6) } : {};

interface Ended {
  readonly code: number | null;
  readonly stderr: string;
}

function start(args: readonly string[]): { readonly child: ChildProcess; readonly ended: Promise<Ended> } {
  const child = spawn(process.execPath, [servalBin, "operator", ...args], { stdio: ["ignore", "ignore", "pipe"] });
  let stderr = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  return { child, ended: new Promise((resolve) => child.once("exit", (code) => resolve({ code, stderr }))) };
}

describe("serval operator on a real kube-apiserver", skip, () => {
  let home: WebhookHome;
  before(async () => {
    home = await startWebhookHome(assets);
  });
  after(() => home?.server.close());

  it("serves webhooks until it is asked to end", async () => {
    const health = await freePort();
    const { child, ended } = start([
      ...[
        "--kubeconfig",
        home.server.kubeconfig,
        "--system-namespace",
        "kserve",
        "--leader-elect",
        "--log-level=error",
      ],
      ...["--metrics-addr", "127.0.0.1:0", "--health-addr", `127.0.0.1:${health}`],
      ...["--webhook-url", `https://127.0.0.1:${home.port}`],
    ]);
    try {
      await until("readiness", async () => {
        assert.equal(child.exitCode, null);
        const answer = await fetch(`http://127.0.0.1:${health}/readyz`).catch(() => undefined);
        return answer?.status === 200 || undefined;
      });
      const services = inferenceServices as unknown as ResourceType<AnyObject>;
      const broken: AnyObject = {
        apiVersion: "serving.kserve.io/v1beta1",
        kind: "InferenceService",
        metadata: { name: "broken", namespace: "default" },
        spec: { predictor: { model: { modelFormat: { name: "sklearn" } }, containerConcurrency: -1 } },
      };
      await assert.rejects(home.server.cluster.create(services, broken), /SV1012/);
    } finally {
      child.kill("SIGTERM");
    }
    assert.deepEqual(await ended, { code: 0, stderr: "" });
  });

  for (const [args, text] of [
    [["--log-level", "loud"], /--log-level "loud" is none of debug, info, warn, error/],
    [["--webhook-url", "http://x"], /is not an https:\/\/ URL/],
    [["--metrics-addr", "8080"], /--metrics-addr "8080" is not HOST:PORT/],
    [["--colour"], /'--colour'/],
  ] as const)
    it(`refuses ${args.join(" ")}`, async () => {
      const { code, stderr } = await start(args).ended;
      assert.equal(code, 2, stderr);
      assert.match(stderr, text);
    });
});
