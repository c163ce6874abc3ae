// SPDX-License-Identifier: Apache-2.0
// `serval doctor`: the rules behind every status, run over a whole home or cluster, and what all services depend on.
import { homedir } from "node:os";
import { join } from "node:path";
import { type InferenceService, keyText } from "@serval/api";
import { readHomeState } from "@serval/embedded/home/layout.ts";
import { type Cluster, createCluster, loadKubeconfig, remoteTransport } from "@serval/kube";
import { createDetailsSource } from "@serval/operator/causes/index.ts";
import { flagText, type Invocation, type Io, UsageError } from "../command.ts";
import { checkCluster, checkOperator } from "../diagnosis/cluster-checks.ts";
import { broken, type Check, type Finding, findingOf } from "../diagnosis/finding.ts";
import { checkHome } from "../diagnosis/home-checks.ts";
import { type Paper, paint, paperFor } from "../diagnosis/paper.ts";
import { checkLines, findingLines } from "../diagnosis/print.ts";
import { completed, evidenceFor, findingsOf, takeSnapshot } from "../diagnosis/snapshot.ts";
import { layoutOf } from "../home.ts";

interface ServiceReport {
  readonly service: string;
  readonly ready: boolean;
  readonly findings: readonly Finding[];
}

export interface Report {
  readonly healthy: boolean;
  /** What was looked at: a data directory or a server. */
  readonly subject: string;
  readonly services: readonly ServiceReport[];
  readonly checks: readonly Check[];
}

const isReady = ({ status }: InferenceService): boolean =>
  status?.conditions?.some(({ type, status: truth }) => type === "Ready" && truth === "True") === true;

async function examine(cluster: Cluster, namespace: string | undefined): Promise<ServiceReport[]> {
  const snapshot = await takeSnapshot(cluster, { namespace });
  const details = createDetailsSource(cluster);
  const reports: ServiceReport[] = [];
  // One after the other: a cluster of a thousand services is not to be asked a thousand things at once.
  for (const isvc of snapshot.services) {
    const { name = "" } = isvc.metadata;
    const service = keyText({ namespace: isvc.metadata.namespace, name });
    const findings = findingsOf(await completed(evidenceFor(snapshot, isvc, new Date()), details));
    reports.push({ service, ready: isReady(isvc), findings });
  }
  return reports;
}

const hasProblem = (findings: readonly Finding[]): boolean => findings.some(({ severity }) => severity === "problem");

export const reportOf = (subject: string, services: readonly ServiceReport[], checks: readonly Check[]): Report => ({
  healthy: ![...services, ...checks].some(({ findings }) => hasProblem(findings)),
  subject,
  services,
  checks,
});

async function ofCluster(cluster: Cluster, namespace: string | undefined, more: () => Promise<Check[]>) {
  const checks = await checkCluster(cluster);
  const isThere = checks.length > 1;
  return {
    services: isThere ? await examine(cluster, namespace) : [],
    checks: [...checks, ...(isThere ? await more() : [])],
  };
}

async function doctorOfCluster(invocation: Invocation, io: Io): Promise<Report> {
  const named = flagText(invocation.flags, "kubeconfig") ?? io.env["KUBECONFIG"]?.split(":")[0];
  const file = named === undefined || named === "" ? join(homedir(), ".kube", "config") : named;
  const access = await loadKubeconfig(file, flagText(invocation.flags, "context"));
  const cluster = createCluster(remoteTransport(access), "serval-cli");
  try {
    const operator = async () => [await checkOperator(cluster, new Date())];
    const { services, checks } = await ofCluster(cluster, flagText(invocation.flags, "namespace"), operator);
    return reportOf(`${access.server}`, services, checks);
  } finally {
    await cluster[Symbol.asyncDispose]();
  }
}

async function doctorOfHome(invocation: Invocation, io: Io): Promise<Report> {
  const layout = layoutOf(invocation, io);
  const state = await readHomeState(layout);
  if (state === undefined) {
    const finding = findingOf("ApiUnreachable", `No embedded home runs in ${layout.dataDir}`, {
      fix: "Start one with serval up, name another with --data-dir, or a cluster with --context or --kubeconfig",
    });
    return reportOf(layout.dataDir, [], [broken("Home", "does not run", finding)]);
  }
  const home = await checkHome(layout, state, io.env);
  const cluster = createCluster(remoteTransport(await loadKubeconfig(layout.kubeconfig)), "serval-cli");
  try {
    const { services, checks } = await ofCluster(cluster, flagText(invocation.flags, "namespace"), async () => []);
    return reportOf(layout.dataDir, services, [...home, ...checks]);
  } finally {
    await cluster[Symbol.asyncDispose]();
  }
}

const count = (number: number, word: string): string => `${number} ${word}${number === 1 ? "" : "s"}`;

function lastLine({ services, checks }: Report, paper: Paper): string {
  const findings = [...services, ...checks].flatMap((part) => part.findings);
  const problems = findings.filter(({ severity }) => severity === "problem").length;
  const advice = findings.length - problems;
  const ready = services.filter((service) => service.ready).length;
  const head = `${ready} of ${count(services.length, "service")} ready, ${count(problems, "problem")}${advice === 0 ? "" : `, ${count(advice, "piece")} of advice`}`;
  return paint(paper, problems === 0 ? "green" : "red", head);
}

/** As it is printed. */
export function reportLines(report: Report, paper: Paper): string[] {
  const services = report.services.flatMap(({ service, ready, findings }) => {
    if (findings.length === 0 && ready) return [];
    const state = ready ? "ready" : "not ready";
    const none = findings.length === 0 ? ["  no cause is visible yet: it may just need time"] : [];
    const lines = findings.flatMap((finding) => findingLines(finding, paper, "  "));
    return [paint(paper, "bold", `InferenceService ${service}: ${state}`), ...none, ...lines, ""];
  });
  return [
    ...services,
    paint(paper, "bold", report.subject),
    ...checkLines(report.checks, paper),
    "",
    lastLine(report, paper),
  ];
}

export async function run(invocation: Invocation, io: Io): Promise<number> {
  const { flags } = invocation;
  const format = flagText(flags, "output");
  if (format !== undefined && format !== "json") throw new UsageError(`-o ${format} is not known; use -o json`);
  if (flags["home"] === true && (flags["context"] !== undefined || flags["kubeconfig"] !== undefined))
    throw new UsageError(
      "--home looks at the embedded home, --context and --kubeconfig at a cluster: give one of them",
    );
  const isCluster = flags["context"] !== undefined || flags["kubeconfig"] !== undefined;
  const report = await (isCluster ? doctorOfCluster(invocation, io) : doctorOfHome(invocation, io));
  if (format === "json") io.out(JSON.stringify(report, undefined, 2));
  else for (const line of reportLines(report, paperFor(io, process.stdout.columns))) io.out(line);
  return report.healthy ? 0 : 1;
}
