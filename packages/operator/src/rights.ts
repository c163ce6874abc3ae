// SPDX-License-Identifier: Apache-2.0
// Everything that the operator may do, joined from the tables beside the code that does it. A new kind or verb: its line
// in the table of its folder; a test on a real API server finds what is missing and what nobody uses.
import type { Right } from "@serval/api";
import { adoptionRights } from "./adoption/rights.ts";
import { bootstrapRights } from "./bootstrap/rights.ts";
import { childrenRights } from "./children/rights.ts";
import { causeRights, controllerRights } from "./controllers/rights.ts";
import { webhookRights } from "./webhooks/rights.ts";

export const operatorRights: readonly Right[] = [
  ...controllerRights,
  ...childrenRights,
  ...adoptionRights,
  ...causeRights,
  ...webhookRights,
  ...bootstrapRights,
];
