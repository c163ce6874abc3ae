// SPDX-License-Identifier: Apache-2.0
// The form of a rule, and the small makers that all rules use.
import type { Finding, Reason } from "@serval/api/errors/index.ts";
import { annotations } from "@serval/api/serving/names.ts";
import { type ComponentSpec, type Role, roles } from "../implementations.ts";
import type { InferenceService } from "../schema.ts";

/** Looks at one object; on update at its previous version too. Pure, never throws. */
export type Rule = (next: InferenceService, previous?: InferenceService) => Finding[];

export const finding = (reason: Reason, path: string, message: string, fix?: string): Finding =>
  fix === undefined ? { reason, path, message } : { reason, path, message, fix };

export const none: Finding[] = [];

/** The components that are there, in KServe's order of checking. */
export const componentsOf = ({ spec }: InferenceService): { role: Role; component: ComponentSpec }[] =>
  roles.flatMap((role) => {
    const component = spec?.[role];
    return component === undefined ? [] : [{ role, component }];
  });

export const annotationOf = (isvc: InferenceService, name: keyof typeof annotations): string | undefined =>
  isvc.metadata.annotations?.[annotations[name]];
