// SPDX-License-Identifier: Apache-2.0
// Records what a real kube-apiserver answers to testdata/requests.yaml, as the fixture of real-answers.test.ts.
// Usage: node packages/embedded/src/apiserver/testing/record.ts KUBECONFIG
import { readFile, writeFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import { type AnyObject, resourcePath } from "@serval/api";
import { loadKubeconfig, remoteTransport, type Transport } from "@serval/kube";
import { parse } from "yaml";
import { builtInResources } from "../resources/built-in.ts";

export interface RecordedCase {
  readonly name: string;
  readonly object: AnyObject;
}
export interface RecordedAnswer {
  readonly status: number;
  readonly body: unknown;
}

const data = (name: string): URL => new URL(`../testdata/${name}`, import.meta.url);

export const readCases = async (): Promise<RecordedCase[]> =>
  parse(await readFile(data("requests.yaml"), "utf8")) as RecordedCase[];
export const readAnswers = async (): Promise<Record<string, RecordedAnswer>> =>
  JSON.parse(await readFile(data("recorded.json"), "utf8")) as Record<string, RecordedAnswer>;

/** A server-side dry run leaves nothing behind and answers like the real thing. */
export async function answerTo(transport: Transport, { object }: RecordedCase): Promise<RecordedAnswer> {
  const resource = builtInResources().find(({ type }) => {
    const apiVersion = type.group === "" ? type.version : `${type.group}/${type.version}`;
    return apiVersion === object.apiVersion && type.kind === object.kind;
  });
  if (resource === undefined) throw new Error(`${object.kind} is not served`);
  const path = resourcePath(resource.type, { namespace: object.metadata.namespace ?? "default" });
  const { status, body } = await transport.send({
    method: "POST",
    path,
    body: object,
    query: { dryRun: "All" },
    userAgent: "recorder",
  });
  return { status, body: comparable(body) };
}

/** Without what differs in every run, and without what the embedded server documents as its own. */
function comparable(body: unknown): unknown {
  const text = JSON.stringify(body, (key, value: unknown) => {
    if (["uid", "creationTimestamp", "resourceVersion", "clusterIP", "clusterIPs", "time"].includes(key))
      return undefined;
    // The token volume is not mounted here.
    if ((key === "volumes" || key === "volumeMounts") && Array.isArray(value)) {
      const own = value.filter(({ name }: { name: string }) => !name.startsWith("kube-api-access-"));
      return own.length === 0 ? undefined : own;
    }
    return value;
  });
  return JSON.parse(text) as unknown;
}

async function record(kubeconfig: string): Promise<void> {
  const transport = remoteTransport(await loadKubeconfig(kubeconfig));
  const answers: Record<string, RecordedAnswer> = {};
  for (const each of await readCases()) answers[each.name] = await answerTo(transport, each);
  await writeFile(data("recorded.json"), `${JSON.stringify(answers, null, 1)}\n`);
  await transport.close();
}

const [, script = "", kubeconfig] = process.argv;
if (import.meta.url === pathToFileURL(script).href) {
  if (kubeconfig === undefined) throw new Error("Usage: node record.ts KUBECONFIG (of a real kube-apiserver)");
  await record(kubeconfig);
}
