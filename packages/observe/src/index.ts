// SPDX-License-Identifier: Apache-2.0
// @serval/observe: how Serval is watched. Logs, metrics and health endpoints of every long-running role.
export { Counter, Gauge, Histogram, Registry } from "prom-client";
export * from "./logger.ts";
export * from "./metrics-server.ts";
