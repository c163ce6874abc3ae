// SPDX-License-Identifier: Apache-2.0
// `serval describe`: one InferenceService with its objects, its traffic, the deepest cause and every other, and what to do.
import type { Cluster } from "@serval/kube";
import { createDetailsSource } from "@serval/operator/causes/index.ts";
import { CommandError, type Invocation, type Io, UsageError } from "../command.ts";
import { type Paper, paperFor } from "../diagnosis/paper.ts";
import { serviceLines } from "../diagnosis/service-lines.ts";
import { completed, evidenceFor, findingsOf, takeSnapshot } from "../diagnosis/snapshot.ts";
import { namespaceOf, withCluster } from "../home.ts";

/** How people call the kind in front of the name. */
const kindNames = new Set(["inferenceservice", "inferenceservices", "isvc", "inferenceservices.serving.kserve.io"]);

/** `NAME`, `isvc NAME` or `isvc/NAME`. @throws UsageError */
function nameOf(positionals: readonly string[]): string {
  const [first = "", second] = positionals.flatMap((text) => text.split("/"));
  const name = kindNames.has(first.toLowerCase()) && positionals.join("/") !== first ? second : first;
  if (name === undefined || name === "") throw new UsageError("Name an InferenceService");
  if (second !== undefined && name === first)
    throw new UsageError(`"${first}" cannot be described; serval describe explains InferenceServices`);
  return name;
}

async function describe(
  cluster: Cluster,
  { namespace, name }: { namespace: string; name: string },
  paper: Paper,
): Promise<string[]> {
  const snapshot = await takeSnapshot(cluster, { namespace, withEvents: true });
  const isvc = snapshot.services.find(({ metadata }) => metadata.name === name);
  if (isvc === undefined)
    throw new CommandError(
      `InferenceService "${name}" not found in namespace ${namespace}\nFix: serval get lists what there is`,
    );
  const evidence = await completed(evidenceFor(snapshot, isvc, new Date()), createDetailsSource(cluster));
  return serviceLines({ isvc, snapshot, evidence, findings: findingsOf(evidence) }, paper);
}

export async function run(invocation: Invocation, io: Io): Promise<number> {
  const name = nameOf(invocation.positionals);
  const paper = paperFor(io, process.stdout.columns);
  return withCluster(invocation, io, async (cluster) => {
    for (const line of await describe(cluster, { namespace: namespaceOf(invocation), name }, paper)) io.out(line);
    return 0;
  });
}
