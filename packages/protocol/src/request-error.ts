// SPDX-License-Identifier: Apache-2.0
// A request that cannot be answered: the HTTP status and the text that the client reads. No stack, no internals.

export interface SchemaFinding {
  readonly type: string;
  readonly loc: ReadonlyArray<string | number>;
  readonly msg: string;
}

export class RequestError extends Error {
  override readonly name = "RequestError";
  readonly status: number;
  /** Set for schema errors: KServe answers those as FastAPI does, 422 with `detail`. */
  readonly findings: readonly SchemaFinding[] | undefined;
  /** OpenAI's `param`, the field at fault. */
  readonly param: string | undefined;

  constructor(status: number, message: string, options: { findings?: readonly SchemaFinding[]; param?: string } = {}) {
    super(message);
    this.status = status;
    this.findings = options.findings;
    this.param = options.param;
  }
}

/** One schema error of a V2 body: 422, in both shapes (`error` for protocol clients, `detail` as KServe sends it). */
export const schemaError = (type: string, loc: ReadonlyArray<string | number>, msg: string): RequestError =>
  new RequestError(422, `${loc.slice(1).join(".") || "body"}: ${msg}`, { findings: [{ type, loc, msg }] });

export const errorBody = (error: RequestError): string =>
  JSON.stringify(error.findings ? { error: error.message, detail: error.findings } : { error: error.message });
