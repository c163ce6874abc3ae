// SPDX-License-Identifier: Apache-2.0
// The `serval` command as an administrator runs it.
import { execFile } from "node:child_process";
import { servalBin } from "../../packages/cli/src/serval-bin.ts";

export interface Told {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export const serval = (kubeconfig: string, ...args: readonly string[]): Promise<Told> =>
  new Promise((resolve) => {
    const env = { ...process.env, KUBECONFIG: kubeconfig };
    execFile(process.execPath, [servalBin, ...args], { env, maxBuffer: 1 << 26 }, (error, out, err) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), out, err }),
    );
  });

/** @throws with what it said. */
export async function servalDone(kubeconfig: string, ...args: readonly string[]): Promise<string> {
  const { code, out, err } = await serval(kubeconfig, ...args);
  if (code !== 0) throw new Error(`serval ${args.join(" ")} ended with ${code}:\n${out}${err}`);
  return out;
}
