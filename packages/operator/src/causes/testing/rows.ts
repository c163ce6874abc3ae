// SPDX-License-Identifier: Apache-2.0
// A symptom as the cluster shows it, and what the rules must say about it.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Reason } from "@serval/api";
import type { Evidence } from "../evidence.ts";
import { causesOf } from "../index.ts";
import { evidence } from "./evidence.ts";

export interface Row {
  readonly name: string;
  readonly given: Partial<Evidence>;
  readonly reason: Reason;
  readonly says: RegExp;
  readonly fix?: RegExp;
}

export const checkRows = (area: string, rows: readonly Row[]): void =>
  void describe(`causes of ${area}`, () => {
    for (const { name, given, reason, says, fix } of rows)
      it(name, () => {
        const [cause] = causesOf(evidence(given));
        assert.equal(cause?.reason, reason, cause?.message ?? "no cause");
        assert.match(cause?.message ?? "", says);
        assert.match(cause?.fix ?? "", fix ?? /./);
      });
  });
