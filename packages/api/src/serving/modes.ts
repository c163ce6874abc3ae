// SPDX-License-Identifier: Apache-2.0
// Deployment modes and their two spellings. Parsed once; everywhere else only the canonical names occur.
import { annotations } from "./names.ts";

export type Mode = "Standard" | "Knative" | "ModelMesh";
const spellings: Readonly<Record<string, Mode>> = {
  Standard: "Standard",
  RawDeployment: "Standard",
  Knative: "Knative",
  Serverless: "Knative",
  ModelMesh: "ModelMesh",
};

/** undefined for anything that is no mode. */
export const parseMode = (value: string | undefined): Mode | undefined =>
  value === undefined ? undefined : spellings[value];

interface ModeInput {
  readonly metadata: { annotations?: Record<string, string> | undefined };
  readonly status?: { deploymentMode?: string | undefined } | undefined;
}

/**
 * The mode of an object: frozen by its status, else its annotation, else the default.
 * KServe: GetDeploymentMode; unknown annotation values fall through to the default.
 */
export const modeOf = (object: ModeInput, defaultMode: string): Mode =>
  parseMode(object.status?.deploymentMode) ??
  parseMode(object.metadata.annotations?.[annotations.deploymentMode]) ??
  parseMode(defaultMode) ??
  "Standard";
