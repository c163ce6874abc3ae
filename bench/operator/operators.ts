// SPDX-License-Identifier: Apache-2.0
// What differs between the two operators that are measured by the same phases.
import type { Account, ControlPlane } from "./control-plane.ts";
import type { Program } from "./processes.ts";

export interface OperatorUnderTest {
  readonly name: "kserve" | "serval";
  readonly account: Account;
  /** Brings what the operator needs to start. @param ingress Ingress objects instead of HTTPRoutes. */
  prepare(plane: ControlPlane, ingress: boolean): Promise<Program>;
  /** After its start: resolves when services can be created. */
  untilInstalled(plane: ControlPlane): Promise<void>;
}
