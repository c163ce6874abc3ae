// SPDX-License-Identifier: Apache-2.0
// What KServe's manager made of a recorded case, written again as it wrote it: by create, under its program's name, owned
// by the service, with its status and its finalizer.
import { type AnyObject, type InferenceService, inferenceServices, type KubeObject, keyOf } from "@serval/api";
import type { Cluster } from "@serval/kube";
import { type FoundCase, recordingOf } from "../golden/case.ts";
import { namespace } from "../golden/context.ts";
import type { World } from "./world.ts";

const fieldManager = "manager";
const children: ReadonlySet<string> = new Set([
  "Deployment",
  "Service",
  "HorizontalPodAutoscaler",
  "HTTPRoute",
  "ScaledObject",
]);
const finalizer = "inferenceservice.finalizers";

/** Without what an API server or another controller fills in. */
function asWritten(object: AnyObject, owner: InferenceService): AnyObject {
  const { status: _status, ...rest } = object;
  const { name, labels, annotations = {}, ownerReferences = [] } = object.metadata;
  const { "deployment.kubernetes.io/revision": _revision, ...kept } = annotations;
  const spec = { ...(object["spec"] as Record<string, unknown>) };
  for (const allocated of ["clusterIP", "clusterIPs"])
    if (String(spec[allocated]).includes("<ip>")) delete spec[allocated];
  const owners = ownerReferences.map((reference) => ({ ...reference, uid: owner.metadata.uid ?? "" }));
  return { ...rest, metadata: { name, namespace, labels, annotations: kept, ownerReferences: owners } as never, spec };
}

async function writeOwner(cluster: Cluster, given: AnyObject, status: object): Promise<InferenceService> {
  const key = keyOf({ ...given, metadata: { ...given.metadata, namespace } });
  const { name, labels, annotations } = given.metadata;
  const object = { ...given, metadata: { name, labels, annotations, namespace } };
  await cluster.create(inferenceServices, object as unknown as InferenceService, { fieldManager: "kubectl-create" });
  const body = { metadata: { finalizers: [finalizer] } };
  const owner = await cluster.patch(inferenceServices, key, { type: "merge", body }, { fieldManager });
  await cluster.patch(
    inferenceServices,
    key,
    { type: "merge", body: { status } },
    { fieldManager, subresource: "status" },
  );
  return owner;
}

/** @returns the services of the case. */
export async function writeRecorded({ server: { cluster }, typeOf }: World, { golden }: FoundCase): Promise<string[]> {
  const objects = recordingOf(golden).steps.at(-1)?.objects ?? {};
  const names: string[] = [];
  for (const given of golden.input ?? []) {
    if (given.kind !== "InferenceService") {
      const object = { ...given, metadata: { ...given.metadata, namespace } };
      await cluster.apply(typeOf(object), object, { fieldManager: "kubectl", force: true });
      continue;
    }
    const recorded = objects[`InferenceService/${given.metadata.name}`];
    const owner = await writeOwner(cluster, given, (recorded?.["status"] ?? {}) as object);
    for (const object of Object.values(objects)) {
      const isChild = object.metadata.ownerReferences?.some(({ name }) => name === given.metadata.name) === true;
      if (!children.has(object.kind) || !isChild) continue;
      await cluster.create(typeOf(object), asWritten(object, owner) as KubeObject, { fieldManager });
    }
    names.push(given.metadata.name ?? "");
  }
  return names;
}

const oldNotes = { "serving.kserve.io/deploymentMode": "RawDeployment" };

/**
 * A service as KServe v0.14 left it: the mode's old name, and a template that today's KServe would write otherwise.
 * Its Deployment is a recorded one's, without the variable that later releases add.
 */
export async function writeOld(
  { server: { cluster }, typeOf }: World,
  { golden }: FoundCase,
  name: string,
): Promise<void> {
  const objects = recordingOf(golden).steps.at(-1)?.objects ?? {};
  const given = golden.input?.find(({ kind }) => kind === "InferenceService");
  const recorded = Object.values(objects).find(({ kind }) => kind === "Deployment");
  if (given === undefined || recorded === undefined) throw new Error(`${golden.case} has no service with a Deployment`);
  const recordedName = given.metadata.name ?? "";
  const renamed = (object: AnyObject): AnyObject =>
    JSON.parse(JSON.stringify(object).replaceAll(recordedName, name).replaceAll('"Standard"', '"RawDeployment"'));
  const service = renamed(given);
  const metadata = { ...service.metadata, annotations: { ...service.metadata.annotations, ...oldNotes } };
  const owner = await writeOwner(cluster, { ...service, metadata }, {});
  const deployment = asWritten(renamed(recorded), owner) as AnyObject & {
    spec: { template: { spec: { containers: { env?: unknown }[] } } };
  };
  for (const container of deployment.spec.template.spec.containers) delete container.env;
  await cluster.create(typeOf(deployment), deployment as KubeObject, { fieldManager });
}
