// SPDX-License-Identifier: Apache-2.0
// The calls of the operator under measurement, from the API server's audit log.
import { open } from "node:fs/promises";

export interface Call {
  /** When the server received it, milliseconds since 1970. */
  readonly at: number;
  readonly verb: string;
  /** `resource`, `resource/subresource` or `(discovery)`. */
  readonly resource: string;
  readonly isDryRun: boolean;
  readonly code: number;
  readonly namespace: string | undefined;
}

interface AuditEvent {
  readonly verb: string;
  readonly stage: string;
  readonly requestURI: string;
  readonly requestReceivedTimestamp: string;
  readonly objectRef?: { readonly resource?: string; readonly subresource?: string; readonly namespace?: string };
  readonly responseStatus?: { readonly code?: number };
}

/** Undefined for what is not counted: leases, and all but the one stage of a call that is. Pure. */
export function callOf(line: string): Call | undefined {
  const { verb, stage, requestURI, requestReceivedTimestamp, objectRef, responseStatus } = JSON.parse(
    line,
  ) as AuditEvent;
  const counted = verb === "watch" ? "ResponseStarted" : "ResponseComplete";
  if (stage !== counted || objectRef?.resource === "leases") return undefined;
  const { resource, subresource } = objectRef ?? {};
  return {
    at: Date.parse(requestReceivedTimestamp),
    verb,
    resource:
      resource === undefined ? "(discovery)" : subresource === undefined ? resource : `${resource}/${subresource}`,
    isDryRun: requestURI.includes("dryRun=All"),
    code: responseStatus?.code ?? 0,
    namespace: objectRef?.namespace,
  };
}

/** Reads on where it stopped: the log of a large run has hundreds of megabytes. */
export class AuditLog {
  readonly #path: string;
  readonly #calls: Call[] = [];
  #end = 0;
  #rest: Buffer = Buffer.alloc(0);
  constructor(path: string) {
    this.#path = path;
  }

  /** Every call so far. */
  async read(): Promise<readonly Call[]> {
    const file = await open(this.#path).catch(() => undefined);
    if (file === undefined) return this.#calls;
    try {
      for await (const chunk of file.createReadStream({ start: this.#end, autoClose: false })) this.#take(chunk);
    } finally {
      await file.close();
    }
    return this.#calls;
  }

  #take(chunk: Buffer): void {
    this.#end += chunk.length;
    const text = Buffer.concat([this.#rest, chunk]);
    const end = text.lastIndexOf(10) + 1;
    // The last line may be half written.
    this.#rest = text.subarray(end);
    for (const line of text.subarray(0, end).toString("utf8").split("\n")) {
      const call = line === "" ? undefined : callOf(line);
      if (call !== undefined) this.#calls.push(call);
    }
  }
}

export interface Count {
  readonly calls: number;
  readonly perService: number;
  /** Calls other than lists and watches that name the services' namespace: what grows with the services. */
  readonly inNamespace: number;
  readonly inNamespacePerService: number;
  readonly writes: number;
  readonly dryRunWrites: number;
  readonly reads: number;
  readonly byCall: Readonly<Record<string, number>>;
  /** Answered 4xx or 5xx. */
  readonly refused: Readonly<Record<string, number>>;
}

const writing = new Set(["create", "update", "patch", "delete", "deletecollection"]);

const tally = (names: readonly string[]): Record<string, number> => {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return Object.fromEntries([...counts].sort(([, a], [, b]) => b - a));
};

const nameOf = ({ verb, resource, isDryRun }: Call): string => `${verb} ${resource}${isDryRun ? " (dry run)" : ""}`;

/** Pure. */
export function counted(calls: readonly Call[], services: number, namespace: string): Count {
  const per = (count: number): number => Number((count / services).toFixed(2));
  const writes = calls.filter(({ verb, isDryRun }) => writing.has(verb) && !isDryRun).length;
  const dryRunWrites = calls.filter(({ isDryRun }) => isDryRun).length;
  const inNamespace = calls.filter(
    (call) => call.namespace === namespace && call.verb !== "list" && call.verb !== "watch",
  ).length;
  return {
    calls: calls.length,
    perService: per(calls.length),
    inNamespace,
    inNamespacePerService: per(inNamespace),
    writes,
    dryRunWrites,
    reads: calls.length - writes - dryRunWrites,
    byCall: tally(calls.map(nameOf)),
    refused: tally(calls.filter(({ code }) => code >= 400).map((call) => `${nameOf(call)}: ${call.code}`)),
  };
}
