// SPDX-License-Identifier: Apache-2.0
// Host names of routes of every flavour.
import { hostOf, ServalError } from "@serval/api";
import type { Resolved } from "../controllers/inference-service/resolve.ts";

/** @throws ServalError when the template gives no valid host: the service would be unreachable under it. */
export function host(resolved: Resolved, objectName: string): string {
  const result = hostOf(resolved.isvc, objectName, resolved.config);
  if ("host" in result) return result.host;
  throw new ServalError("NameTooLong", result.error);
}
