// SPDX-License-Identifier: Apache-2.0
// The services of the take-over: what was applied in every recorded case that gets ready by itself, each in a namespace
// of its own.
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { AnyObject } from "@serval/api";
import { type FoundCase, goldenFolder, readCases, stepsOf } from "../golden/case.ts";

/** Cases that KServe itself never lets rest: it deletes the workers of a group at each look (its issue 6113). */
const restless = /multinode|worker/;
/** Refused by design, or left unready for ever: nothing to take over, kept as a control that stays as it is. */
const folders = ["raw-gateway", "raw-ingress"];

export interface Shape {
  readonly name: string;
  readonly namespace: string;
  readonly objects: readonly AnyObject[];
}

export const contextDir = join(goldenFolder, "context");
export const shapesSkip = existsSync(contextDir)
  ? undefined
  : `the recorded cases are not at ${goldenFolder} (set SERVAL_GOLDEN)`;

/** Applied once and then ready: what comes later in a case belongs to its own story. */
function isPlain({ golden }: FoundCase): boolean {
  const steps = stepsOf(golden).map(({ do: action }) => Object.keys(action)[0]);
  const isOneApply = steps.length <= 2 && steps[0] === "apply" && (steps[1] ?? "ready") === "ready";
  return isOneApply && (golden.error ?? []).length === 0 && Object.keys(golden.context.overrides ?? {}).length === 0;
}

const clusterKinds: ReadonlySet<string> = new Set(["ClusterStorageContainer", "ClusterServingRuntime"]);

function placed(object: AnyObject, namespace: string): AnyObject {
  if (clusterKinds.has(object.kind)) return object;
  return { ...object, metadata: { ...object.metadata, namespace } };
}

/** @param only parts of names; none: every shape. */
export function shapes(only: readonly string[] = []): Shape[] {
  const found = folders.flatMap((folder) => readCases(join(goldenFolder, folder)));
  return found
    .filter((one) => isPlain(one) && !restless.test(one.golden.case))
    .filter(({ golden }) => only.length === 0 || only.some((text) => golden.case.includes(text)))
    .map(({ golden }) => {
      const namespace = golden.case;
      const objects = (golden.input ?? []).filter(({ kind }) => kind !== undefined);
      return { name: golden.case, namespace, objects: objects.map((object) => placed(object, namespace)) };
    });
}
