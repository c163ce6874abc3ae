// SPDX-License-Identifier: Apache-2.0
// Whether an API server could call us now: the operator asks itself one review, by the name and with the authorities
// that the stored registration says.
import { request } from "node:https";
import type { AnyObject } from "@serval/api";
import type { Cluster } from "@serval/kube";
import { mutatingWebhookConfigurations, type WebhookTarget } from "./registrations.ts";

export interface SelfCheckOptions {
  readonly cluster: Cluster;
  readonly target: WebhookTarget;
  /** Where we listen. Behind a Service only ready pods are reached, so the call goes here, under the Service's name. */
  readonly port: number;
}

const path = "/mutate-serving-kserve-io-v1beta1-inferenceservice";
const timeoutMs = 5_000;

const review = JSON.stringify({
  apiVersion: "admission.k8s.io/v1",
  kind: "AdmissionReview",
  request: {
    uid: "self-check",
    kind: { group: "serving.kserve.io", version: "v1beta1", kind: "InferenceService" },
    resource: { group: "serving.kserve.io", version: "v1beta1", resource: "inferenceservices" },
    operation: "CREATE",
    namespace: "default",
    name: "self-check",
    userInfo: { username: "serval", groups: [] },
    object: {
      apiVersion: "serving.kserve.io/v1beta1",
      kind: "InferenceService",
      metadata: { name: "self-check", namespace: "default" },
      spec: { predictor: { model: { modelFormat: { name: "sklearn" } } } },
    },
    dryRun: true,
  },
});

interface Registered {
  readonly caBundle: string;
}

async function registered(cluster: Cluster): Promise<Registered | undefined> {
  const name = "inferenceservice.serving.kserve.io";
  const stored = await cluster.get(mutatingWebhookConfigurations, { name });
  const { webhooks = [] } = (stored ?? {}) as AnyObject & {
    webhooks?: { clientConfig?: { caBundle?: string; service?: { path?: string }; url?: string } }[];
  };
  const found = webhooks.find(({ clientConfig }) =>
    (clientConfig?.service?.path ?? clientConfig?.url ?? "").endsWith(path),
  );
  const caBundle = found?.clientConfig?.caBundle;
  return caBundle === undefined ? undefined : { caBundle: Buffer.from(caBundle, "base64").toString("utf8") };
}

function place({ target, port }: SelfCheckOptions) {
  if ("url" in target) {
    const url = new URL(target.url);
    return { host: url.hostname, port: Number(url.port || 443), path: `${url.pathname.replace(/\/$/, "")}${path}` };
  }
  const servername = `${target.service.name}.${target.service.namespace}.svc`;
  return { host: "127.0.0.1", port, path, servername, headers: { host: servername } };
}

function call(options: SelfCheckOptions, { caBundle }: Registered): Promise<string> {
  return new Promise((resolve, reject) => {
    const { headers, ...where } = { headers: {}, ...place(options) };
    const sent = request(
      {
        ...where,
        ca: caBundle,
        method: "POST",
        agent: false,
        timeout: timeoutMs,
        headers: { ...headers, "content-type": "application/json" },
      },
      (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => (text += chunk));
        response.on("end", () => resolve(text));
        response.on("error", reject);
      },
    );
    sent.on("timeout", () => sent.destroy(new Error(`no answer within ${timeoutMs} ms`)));
    sent.on("error", reject);
    sent.end(review);
  });
}

/** undefined: an API server would be answered; else why not. @throws ApiError when the registration cannot be read. */
export async function selfCheck(options: SelfCheckOptions): Promise<string | undefined> {
  const found = await registered(options.cluster);
  if (found === undefined) return "the webhooks are not registered";
  try {
    const answer = JSON.parse(await call(options, found)) as { response?: { allowed?: unknown } };
    return answer.response?.allowed === true ? undefined : "the webhooks refuse a valid service";
  } catch (error) {
    return `the webhooks cannot be called: ${(error as Error).message}`;
  }
}
