// SPDX-License-Identifier: Apache-2.0
// Rules that compare an object with its previous version.
import { parseMode } from "@serval/api/serving/modes.ts";
import { annotationOf, finding, none, type Rule } from "./rule.ts";
import { storageUriOf } from "./storage.ts";

export const modeIsFrozen: Rule = (next, previous) => {
  const old = previous?.status?.deploymentMode;
  const given = annotationOf(next, "deploymentMode");
  if (old === undefined || old === "" || given === undefined) return none;
  const mode = parseMode(old) ?? old;
  if (given === mode) return none;
  return [
    finding(
      "ModeChange",
      "metadata.annotations[serving.kserve.io/deploymentMode]",
      `update rejected: deploymentMode cannot be changed from '${mode}' to '${given}'`,
    ),
  ];
};

export const renameNeedsNewModel: Rule = (next, previous) => {
  const [now, before] = [next.spec?.predictor, previous?.spec?.predictor];
  if (now === undefined || before === undefined || (now.name ?? "") === (before.name ?? "")) return none;
  if ((storageUriOf("predictor", now) ?? "") !== (storageUriOf("predictor", before) ?? "")) return none;
  return [
    finding(
      "PredictorRename",
      "spec.predictor.name",
      "predictor.name change requires a model change (e.g. storageUri)",
    ),
  ];
};
