// SPDX-License-Identifier: Apache-2.0
// Live progress of services: one line each, redrawn on a terminal, printed once per change where there is none.
import type { Io } from "./command.ts";

export interface ServiceProgress {
  readonly name: string;
  /** `pulling 12 MB of 30 MB`, `loading`, `ready`, … */
  readonly state: string;
  readonly detail: string;
  readonly isReady: boolean;
}

export interface ProgressView {
  show(services: readonly ServiceProgress[]): void;
  /** Leaves the last state on the screen. */
  end(): void;
}

const text = ({ name, state, detail }: ServiceProgress, width: number): string =>
  `  ${name.padEnd(width)}  ${state}${detail === "" ? "" : `  ${detail}`}`;

export function progressView(io: Io): ProgressView {
  let drawn = 0;
  const last = new Map<string, string>();
  return {
    show(services) {
      const width = Math.max(0, ...services.map(({ name }) => name.length));
      const lines = services.map((service) => text(service, width));
      const isSame = services.every(({ name }, i) => last.get(name) === lines[i]);
      if (isSame) return;
      if (io.isTerminal) {
        if (drawn > 0) io.write(`\x1b[${drawn}A`);
        for (const line of lines) io.write(`\x1b[2K${line.slice(0, (process.stdout.columns ?? 120) - 1)}\n`);
        drawn = lines.length;
      } else
        for (const [i, { name }] of services.entries()) if (last.get(name) !== lines[i]) io.out(lines[i] as string);
      for (const [i, { name }] of services.entries()) last.set(name, lines[i] as string);
    },
    end() {
      drawn = 0;
    },
  };
}
