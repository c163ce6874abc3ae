// SPDX-License-Identifier: Apache-2.0
// Structured logs of the long-running roles: one JSON object per line, constant message, variable data as fields.
import { pino } from "pino";

/** The part of a logger that code may ask for. Fields first, then a constant sentence. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Lines go to stdout. `error` fields are written with type, message and stack; causes included. */
export function createLogger(options: { component: string; level?: string }): Logger {
  return pino({
    level: options.level ?? "info",
    base: { component: options.component },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (level) => ({ level }) },
    serializers: { error: pino.stdSerializers.errWithCause },
  });
}

export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} };
