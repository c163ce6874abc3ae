// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { UsageError } from "../command.ts";
import { webhookPlace } from "./operator.ts";

const inPod = { KUBERNETES_SERVICE_HOST: "10.96.0.1" };
const service = { service: { name: "serval-webhooks", namespace: "ns" } };

type Flags = Readonly<Record<string, string>>;
const rows: readonly (readonly [string, Flags, NodeJS.ProcessEnv, unknown])[] = [
  ["in a pod: the Service", {}, inPod, { target: service, port: 9443 }],
  ["in a pod, on another port", { "webhook-port": "8443" }, inPod, { target: service, port: 8443 }],
  ["in a pod, none", { "webhook-port": "0" }, inPod, undefined],
  ["outside, none", {}, {}, undefined],
  ["with a kubeconfig, none", { kubeconfig: "file" }, inPod, undefined],
  ["outside, on a port that a Service finds", { "webhook-port": "9443" }, {}, { target: service, port: 9443 }],
  ["by URL", { "webhook-url": "https://h:444/x" }, {}, { target: { url: "https://h:444/x" }, port: 444 }],
  ["by URL, without a port", { "webhook-url": "https://h" }, {}, { target: { url: "https://h" }, port: 443 }],
  [
    "by URL, behind a proxy",
    { "webhook-url": "https://h", "webhook-port": "9443" },
    {},
    { target: { url: "https://h" }, port: 9443 },
  ],
];

describe("where webhooks are served", () => {
  for (const [name, flags, env, wanted] of rows)
    it(name, () => assert.deepEqual(webhookPlace(flags, env, "ns"), wanted));
  for (const flags of [
    { "webhook-port": "many" },
    { "webhook-url": "http://h" },
    { "webhook-url": "h:443" },
  ] as Flags[])
    it(`refuses ${JSON.stringify(flags)}`, () => assert.throws(() => webhookPlace(flags, {}, "ns"), UsageError));
});
