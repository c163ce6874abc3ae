// SPDX-License-Identifier: Apache-2.0
// The one error of this room: a patch that cannot be applied, with the HTTP status that kube-apiserver answers.
import { nestsAtMost } from "../schema/json.ts";

/** `reason` is Kubernetes' word: "BadRequest", "Invalid", "RequestEntityTooLarge", or "" where it gives none (500). */
export class PatchError extends Error {
  override readonly name: string = "PatchError";
  readonly code: number;
  readonly reason: string;
  constructor(code: number, reason: string, message: string) {
    super(message);
    this.code = code;
    this.reason = reason;
  }
}

export const badRequest = (message: string): PatchError => new PatchError(400, "BadRequest", message);

/** kube-apiserver prints only the first half of this text; ours goes on with the cause. */
export const unprocessable = (cause: string): PatchError =>
  new PatchError(422, "Invalid", `the server rejected our request due to an error in our request: ${cause}`);

/** kube-apiserver passes errors that it did not expect on as 500 without a reason, with their text. */
export const unexpected = (message: string): PatchError => new PatchError(500, "", message);

/** @throws PatchError where a document nests so deeply that walking it could exhaust the stack. */
export function refuseDeepNesting(what: string, value: unknown): void {
  if (!nestsAtMost(value)) throw badRequest(`${what} is nested too deeply: at most 500 levels are allowed`);
}
