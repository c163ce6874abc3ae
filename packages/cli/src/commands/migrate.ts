// SPDX-License-Identifier: Apache-2.0
// `serval migrate kserve`: what a take-over from KServe would change, the take-over, and the way back.

import { catalogue, ServalError } from "@serval/api";
import { createCluster, defaultAccess, loadKubeconfig, remoteTransport } from "@serval/kube";
import { CommandError, flagText, type Invocation, type Io, UsageError } from "../command.ts";
import { paperFor, wrap } from "../diagnosis/paper.ts";
import { giveBack } from "../migrate/give-back.ts";
import { makePlan } from "../migrate/plan.ts";
import { planLines } from "../migrate/print.ts";
import type { StepContext } from "../migrate/steps.ts";
import { takeOver } from "../migrate/take-over.ts";

const defaultSeconds = 300;

function seconds(flags: Invocation["flags"]): number {
  const text = flagText(flags, "timeout") ?? `${defaultSeconds}`;
  const value = Number(text);
  if (!(value > 0)) throw new UsageError(`--timeout "${text}" is not a number of seconds`);
  return value;
}

/** @throws UsageError */
function actionOf({ flags, positionals }: Invocation): "plan" | "apply" | "back" {
  if (positionals.length !== 1 || positionals[0] !== "kserve") throw new UsageError("name what to take over: kserve");
  const given = (["plan", "apply", "back"] as const).filter((name) => flags[name] === true);
  if (given.length > 1) throw new UsageError(`give one of ${given.map((name) => `--${name}`).join(", ")}`);
  return given[0] ?? "plan";
}

/** With its code and way out: they are read in a terminal, by somebody in the middle of a hand-over. */
function told(error: unknown, width: number): unknown {
  if (!(error instanceof ServalError)) return error;
  const head = `${error.code} ${catalogue[error.reason].title}`;
  return new CommandError(
    [
      head,
      ...wrap(error.message, { first: "  ", width }),
      ...wrap(error.fix, { first: "  Fix: ", rest: "       ", width }),
    ].join("\n"),
  );
}

export async function run(invocation: Invocation, io: Io): Promise<number> {
  const { flags } = invocation;
  const action = actionOf(invocation);
  const format = flagText(flags, "output");
  if (format !== undefined && (format !== "json" || action !== "plan"))
    throw new UsageError(`-o ${format} is not known here; --plan takes -o json`);
  const deadlineMs = seconds(flags) * 1_000;
  const file = flagText(flags, "kubeconfig");
  const context = flagText(flags, "context");
  const named = file ?? (context === undefined ? undefined : io.env["KUBECONFIG"]?.split(":")[0]);
  const access = named === undefined ? await defaultAccess(io.env) : await loadKubeconfig(named, context);
  const cluster = createCluster(remoteTransport(access), "serval-migrate");
  const paper = paperFor(io, process.stdout.columns);
  const steps: StepContext = { cluster, say: (line) => io.out(line), deadlineMs };
  try {
    if (action === "apply") await takeOver(steps);
    if (action === "back") await giveBack(steps);
    if (action !== "plan") return 0;
    const plan = await makePlan(cluster);
    if (format === "json") io.out(JSON.stringify(plan, undefined, 2));
    else for (const line of planLines(plan, paper)) io.out(line);
    return plan.blockers.length === 0 ? 0 : 1;
  } catch (error) {
    throw told(error, paper.width);
  } finally {
    await cluster[Symbol.asyncDispose]();
  }
}
