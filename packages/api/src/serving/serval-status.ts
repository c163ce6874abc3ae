// SPDX-License-Identifier: Apache-2.0
// What our statuses say beyond KServe's (decision 6: nothing of ours becomes a condition on a healthy object).
import type { Static } from "typebox";
import { int64, object, optional, text } from "../schema/makers.ts";

/** Ours: the deepest known cause of not being ready, and how far a start has come. Absent on a healthy service. */
export const servalStatus = object({
  reason: optional(text({ description: "CamelCase cause; the Reason column" })),
  code: optional(text({ description: "SV####, the heading in the error catalogue" })),
  message: optional(text({ description: "What is wrong and where" })),
  fix: optional(text({ description: "What to do about it" })),
  progress: optional(
    object({
      phase: text(),
      bytes: optional(int64()),
      totalBytes: optional(int64()),
      text: text({ description: "The Progress column" }),
    }),
  ),
});
export type ServalStatus = Static<typeof servalStatus>;
