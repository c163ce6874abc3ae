// SPDX-License-Identifier: Apache-2.0
// `serval get`: the server's own table, as kubectl prints it; or the objects themselves.
import { type ResourceType, resourcePath } from "@serval/api";
import { type Cluster, expectSuccess } from "@serval/kube";
import { stringify } from "yaml";
import { CommandError, flagText, type Invocation, type Io, UsageError } from "../command.ts";
import { findKind, servedKinds } from "../discovery.ts";
import { namespaceOf, withCluster } from "../home.ts";

interface Table {
  columnDefinitions: { name: string; priority: number }[];
  rows: { cells: unknown[]; object: { metadata: { namespace?: string; resourceVersion?: string } } }[];
  metadata?: { resourceVersion?: string };
}

const tableAccept = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";

/** Text columns with kubectl's spacing. @param widths grows with what is printed, so that watched rows stay aligned. */
function printRows(rows: readonly (readonly string[])[], widths: number[], io: Io): void {
  for (const row of rows) for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  for (const row of rows)
    io.out(row.map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd((widths[i] as number) + 3))).join(""));
}

function cellsOf(table: Table, isWide: boolean, withNamespace: boolean): string[][] {
  const shown = table.columnDefinitions.flatMap(({ priority }, i) => (isWide || priority === 0 ? [i] : []));
  return table.rows.map((row) => {
    const cells = shown.map((i) => (row.cells[i] === null || row.cells[i] === undefined ? "" : String(row.cells[i])));
    return withNamespace ? [row.object.metadata.namespace ?? "", ...cells] : cells;
  });
}

function headerOf(table: Table, isWide: boolean, withNamespace: boolean): string[] {
  const names = table.columnDefinitions
    .filter(({ priority }) => isWide || priority === 0)
    .map(({ name }) => name.toUpperCase());
  return withNamespace ? ["NAMESPACE", ...names] : names;
}

interface Selection {
  readonly type: ResourceType;
  readonly name: string | undefined;
  readonly namespace: string | undefined;
}

async function printTable(
  cluster: Cluster,
  { type, name, namespace }: Selection,
  invocation: Invocation,
  io: Io,
): Promise<number> {
  const isWide = flagText(invocation.flags, "output") === "wide";
  const everywhere = namespace === undefined && type.namespaced;
  const path = resourcePath(type, { namespace, name });
  const read = async (query: Record<string, string>) =>
    expectSuccess(
      await cluster.transport.send({
        method: "GET",
        path: query["watch"] === undefined ? path : resourcePath(type, { namespace }),
        query,
        accept: tableAccept,
      }),
    );
  const table = (await read({})).body as Table;
  const widths: number[] = [];
  if (table.rows.length === 0)
    io.err(everywhere || !type.namespaced ? "No resources found" : `No resources found in ${namespace} namespace.`);
  else printRows([headerOf(table, isWide, everywhere), ...cellsOf(table, isWide, everywhere)], widths, io);
  if (invocation.flags["watch"] !== true) return 0;
  const resourceVersion = table.metadata?.resourceVersion ?? table.rows[0]?.object.metadata.resourceVersion ?? "0";
  const query = {
    watch: "true",
    resourceVersion,
    ...(name === undefined ? {} : { fieldSelector: `metadata.name=${name}` }),
  };
  let columns = table;
  for await (const event of (await read(query)).events as AsyncIterable<{ type: string; object: Table }>) {
    if (event.type === "BOOKMARK" || event.object.rows === undefined) continue;
    if (event.object.columnDefinitions?.length > 0) columns = event.object;
    printRows(
      cellsOf({ ...event.object, columnDefinitions: columns.columnDefinitions }, isWide, everywhere),
      widths,
      io,
    );
  }
  return 0;
}

async function printObjects(
  cluster: Cluster,
  { type, name, namespace }: Selection,
  format: string,
  io: Io,
): Promise<number> {
  const body = expectSuccess(
    await cluster.transport.send({ method: "GET", path: resourcePath(type, { namespace, name }) }),
  ).body;
  if (format === "name") {
    const items =
      name === undefined
        ? (body as { items: { metadata: { name: string } }[] }).items
        : [body as { metadata: { name: string } }];
    for (const { metadata } of items)
      io.out(`${type.kind.toLowerCase()}${type.group === "" ? "" : `.${type.group}`}/${metadata.name}`);
  } else io.out((format === "json" ? JSON.stringify(body, undefined, 2) : stringify(body)).trimEnd());
  return 0;
}

export async function run(invocation: Invocation, io: Io): Promise<number> {
  const format = flagText(invocation.flags, "output");
  if (format !== undefined && !["json", "yaml", "wide", "name"].includes(format))
    throw new UsageError(`-o ${format} is not known; use json, yaml, wide or name`);
  const [first, second, surplus] = invocation.positionals;
  if (surplus !== undefined) throw new UsageError(`Unexpected argument "${surplus}"`);
  return withCluster(invocation, io, async (cluster) => {
    const kinds = await servedKinds(cluster);
    const names = kinds.flatMap((kind) => kind.names);
    // `serval get iris` means the InferenceService: it is what people come for.
    const isKind = first !== undefined && (second !== undefined || names.includes(first.toLowerCase()));
    const type = findKind(kinds, isKind ? first : "inferenceservices");
    const name = isKind ? second : first;
    const namespace =
      invocation.flags["all-namespaces"] === true || !type.namespaced ? undefined : namespaceOf(invocation);
    if (name !== undefined && type.namespaced && namespace === undefined)
      throw new CommandError("A name needs one namespace; leave -A out");
    const selection = { type, name, namespace };
    if (format === undefined || format === "wide") return printTable(cluster, selection, invocation, io);
    return printObjects(cluster, selection, format, io);
  });
}
