// SPDX-License-Identifier: Apache-2.0
// A plan as lines. Pure.
import { type Paper, paint, wrap } from "../diagnosis/paper.ts";
import type { Manager } from "./managers.ts";
import type { Plan, PlanRow } from "./plan.ts";

const managerLine = ({ namespace, name, version = "version unknown", ready, replicas }: Manager): string =>
  `  ${namespace}/${name}  ${version}  ${ready} of ${replicas} ready`;

function tableLines(rows: readonly PlanRow[], paper: Paper): string[] {
  const width = Math.max(...rows.map(({ object }) => object.length), "OBJECT".length);
  const line = (object: string, change: string, pods: string): string =>
    `  ${object.padEnd(width)}  ${pods.padStart(4)}  ${change}`;
  return [
    paint(paper, "dim", line("OBJECT", "CHANGE", "PODS")),
    ...rows.map(({ object, change, pods }) => line(object, change, String(pods))),
  ];
}

export function planLines(plan: Plan, paper: Paper): string[] {
  const { managers, rows, blockers, notes, serval, services, isBegun } = plan;
  const serving = managers.filter(({ role }) => role === "serving");
  if (serving.length === 0) return [`No KServe runs in this cluster. Serval: ${serval}.`];
  const pods = rows.reduce((sum, row) => sum + row.pods, 0);
  return [
    paint(paper, "bold", "KServe"),
    ...managers.map(managerLine),
    `${paint(paper, "bold", "Serval")}: ${serval}${isBegun ? "; a take-over was begun (run --apply again, or --back)" : ""}`,
    "",
    paint(paper, "bold", "What changes"),
    ...tableLines(rows, paper),
    "",
    ...notes.flatMap((note) => wrap(note, { first: "  - ", rest: "    ", width: paper.width })),
    ...blockers.flatMap((text) =>
      wrap(text, { first: "  ✗ ", rest: "    ", width: paper.width }).map((line) => paint(paper, "red", line)),
    ),
    `${services.length} service(s), ${services.filter(({ isReady }) => isReady).length} Ready; ${rows.length} objects; ${pods} pod(s) replaced.`,
    blockers.length > 0
      ? "Cannot be applied as it is (above)."
      : "Nothing was changed. Take over with: serval migrate kserve --apply",
  ];
}
