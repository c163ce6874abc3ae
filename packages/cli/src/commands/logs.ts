// SPDX-License-Identifier: Apache-2.0
// `serval logs`: every container of every pod of an InferenceService, prefixed where there is more than one.
import { type Pod, resourcePath, resources } from "@serval/api";
import { type Cluster, expectSuccess } from "@serval/kube";
import { CommandError, flagText, type Invocation, type Io, UsageError } from "../command.ts";
import { namespaceOf, withCluster } from "../home.ts";

interface Source {
  readonly pod: Pod;
  readonly container: string;
}

const componentLabel = "serving.kserve.io/inferenceservice";

function sourcesOf(pods: readonly Pod[], container: string | undefined): Source[] {
  return pods.flatMap((pod) => {
    const statuses = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
    return statuses
      .filter(({ name }) => container === undefined || name === container)
      .map(({ name }) => ({ pod, container: name }));
  });
}

async function printLog(
  cluster: Cluster,
  { pod, container }: Source,
  query: Record<string, string>,
  print: (line: string) => void,
): Promise<void> {
  const response = await cluster.transport.send({
    method: "GET",
    path: `${resourcePath(resources.pods, pod.metadata)}/log`,
    query: { ...query, container },
  });
  // A container that has not started, or has no earlier start, has no log: say so and go on with the others.
  if (response.status >= 400) return print(`(${(response.body as { message?: string }).message ?? "no log"})`);
  expectSuccess(response);
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of response.bytes ?? []) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() as string;
    for (const line of lines) print(line);
  }
  if (rest !== "") print(rest);
}

export async function run(invocation: Invocation, io: Io): Promise<number> {
  const [name] = invocation.positionals;
  if (name === undefined) throw new UsageError("Name an InferenceService");
  const tail = flagText(invocation.flags, "tail");
  if (tail !== undefined && !/^\d+$/.test(tail)) throw new UsageError("--tail takes a number of lines");
  return withCluster(invocation, io, async (cluster) => {
    const namespace = namespaceOf(invocation);
    const labelled = (await cluster.list(resources.pods, { namespace, labelSelector: `${componentLabel}=${name}` }))
      .items;
    const named =
      labelled.length > 0
        ? labelled
        : [await cluster.get(resources.pods, { namespace, name })].filter((pod) => pod !== undefined);
    const sources = sourcesOf(named, flagText(invocation.flags, "container"));
    if (sources.length === 0)
      throw new CommandError(
        `"${name}" has no pods with logs in namespace ${namespace}\nFix: serval describe ${name} says why`,
      );
    const isFollowing = invocation.flags["follow"] === true;
    const query = {
      ...(isFollowing ? { follow: "true" } : {}),
      ...(invocation.flags["previous"] === true ? { previous: "true" } : {}),
      ...(tail === undefined ? {} : { tailLines: tail }),
    };
    const printer =
      ({ pod, container }: Source) =>
      (line: string) =>
        io.out(sources.length === 1 ? line : `[${pod.metadata.name}/${container}] ${line}`);
    if (isFollowing) await Promise.all(sources.map((source) => printLog(cluster, source, query, printer(source))));
    else for (const source of sources) await printLog(cluster, source, query, printer(source));
    return 0;
  });
}
