// SPDX-License-Identifier: Apache-2.0
// A column of `kubectl get`: its header and how a cell is read off an object. Also: how long ago, as kubectl says it.
// Source: k8s.io/apimachinery/pkg/util/duration/duration.go
import type { AnyObject } from "@serval/api";

export interface Column {
  readonly name: string;
  readonly type: "string" | "integer" | "number" | "boolean" | "date";
  readonly format?: string;
  readonly description?: string;
  /** Above 0: only with `-o wide`. */
  readonly priority: number;
  readonly cell: (object: AnyObject, now: Date) => unknown;
}

const withRest = (whole: number, unit: string, rest: number, restUnit: string): string =>
  rest === 0 ? `${whole}${unit}` : `${whole}${unit}${rest}${restUnit}`;

/** `47s`, `5m12s`, `3h`, `2d4h`, `1y20d`. */
export function humanDuration(durationMs: number): string {
  const seconds = Math.trunc(durationMs / 1000);
  if (seconds < -1) return "<invalid>";
  if (seconds < 0) return "0s";
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.trunc(seconds / 60);
  if (minutes < 10) return withRest(minutes, "m", seconds % 60, "s");
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.trunc(minutes / 60);
  if (hours < 8) return withRest(hours, "h", minutes % 60, "m");
  if (hours < 48) return `${hours}h`;
  const days = Math.trunc(hours / 24);
  if (hours < 192) return withRest(days, "d", hours % 24, "h");
  if (days < 730) return `${days}d`;
  const years = Math.trunc(days / 365);
  return days < 2920 ? withRest(years, "y", days % 365, "d") : `${years}y`;
}

export function ageOf(timestamp: unknown, now: Date): string {
  if (typeof timestamp !== "string") return "<unknown>";
  const time = Date.parse(timestamp);
  return Number.isNaN(time) ? "<invalid>" : humanDuration(now.getTime() - time);
}

type Options = Partial<Pick<Column, "type" | "format" | "priority">>;

export const column = (name: string, cell: Column["cell"], options: Options = {}): Column => ({
  name,
  type: "string",
  priority: 0,
  cell,
  ...options,
});
export const wide = (name: string, cell: Column["cell"]): Column => column(name, cell, { priority: 1 });
export const nameColumn = column("Name", ({ metadata }) => metadata.name, { format: "name" });
export const ageColumn = column("Age", ({ metadata }, now) => ageOf(metadata.creationTimestamp, now));
export const defaultColumns: readonly Column[] = [nameColumn, ageColumn];
