// SPDX-License-Identifier: Apache-2.0
// Takes an install from a cluster: first what could refuse writes for want of an answer, then everything else. Models,
// their services and the kinds stay.
import { type AnyObject, type KubeObject, type ResourceType, resources } from "@serval/api";
import { type Cluster, isNotFound } from "@serval/kube";
import { convertedCrdNames, installRoleName, registeredConfigurations, webhookServiceName } from "@serval/operator";
import { typeOf } from "./object-types.ts";
import { installObjects } from "./objects.ts";
import type { InstallOptions } from "./options.ts";
import type { Target } from "./target.ts";
import { waitFor } from "./waiting.ts";

interface ClientConfig {
  readonly service?: { readonly name?: string; readonly namespace?: string };
}

/** Whether API servers are sent to the install's webhooks: another controller's registrations have the same names. */
const isOurs = (object: AnyObject, namespace: string): boolean =>
  object.metadata.ownerReferences?.some(({ kind, name }) => kind === "ClusterRole" && name === installRoleName) ===
    true ||
  ((object["webhooks"] ?? []) as { clientConfig?: ClientConfig }[]).some(({ clientConfig }) =>
    isService(clientConfig, namespace),
  );

const isService = (config: ClientConfig | undefined, namespace: string): boolean =>
  config?.service?.name === webhookServiceName && config.service.namespace === namespace;

async function removeRegistrations({ cluster, say }: Target, namespace: string): Promise<void> {
  for (const { type, name } of registeredConfigurations) {
    const stored = await cluster.get(type as ResourceType<AnyObject>, { name });
    if (stored === undefined || !isOurs(stored, namespace)) continue;
    await cluster.delete(type as ResourceType<AnyObject>, { name });
    say(`  ${stored.kind} ${name}`);
  }
}

interface WithConversion extends KubeObject {
  readonly spec: { readonly conversion?: { readonly webhook?: { readonly clientConfig?: ClientConfig } } };
}

/** Without anybody to convert, versions are told apart by name only; nothing hangs on an answer. */
async function endConversions({ cluster, say }: Target, namespace: string): Promise<void> {
  const type = resources.customResourceDefinitions as unknown as ResourceType<WithConversion>;
  for (const name of convertedCrdNames) {
    const stored = await cluster.get(type, { name });
    if (!isService(stored?.spec.conversion?.webhook?.clientConfig, namespace)) continue;
    const body = { spec: { conversion: { strategy: "None", webhook: null } } };
    await cluster.patch(type, { name }, { type: "merge", body }, { fieldManager: "serval-cli" });
    say(`  conversion of ${name}`);
  }
}

const gone = async (cluster: Cluster, object: AnyObject): Promise<boolean> => {
  const { namespace, name = "" } = object.metadata;
  const key = namespace === undefined ? { name } : { namespace, name };
  return (await cluster.get(typeOf(object), key)) === undefined;
};

/** @throws ApiError; CommandError when something is still there after the deadline. */
export async function removeInstall(target: Target, options: InstallOptions): Promise<void> {
  const { cluster, say, deadlineMs } = target;
  const { namespace } = options;
  await removeRegistrations(target, namespace);
  await endConversions(target, namespace);
  // The operator first: while it runs it would register again.
  const objects = installObjects(options).toReversed();
  for (const object of objects) {
    const key = { namespace: object.metadata.namespace, name: object.metadata.name ?? "" };
    if (await gone(cluster, object)) continue;
    try {
      await cluster.delete(typeOf(object), key, { propagationPolicy: "Foreground" });
      say(`  ${object.kind} ${key.name}`);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
  for (const object of objects)
    await waitFor({ what: `the end of ${object.kind} ${object.metadata.name}`, deadlineMs }, async () =>
      (await gone(cluster, object)) ? undefined : "it is still there",
    );
  // What a last breath of the operator may have made again.
  await removeRegistrations(target, namespace);
}
