// SPDX-License-Identifier: Apache-2.0
// One HTTP request from a machine of the cluster's network, with the Host header that a service's URL has.
import { request } from "node:http";
import { until } from "./cluster/until.ts";

export interface Answer {
  readonly status: number;
  readonly text: string;
}

export interface Question {
  /** The service's own host; default: the URL's. */
  readonly host?: string;
  /** Sent as JSON by POST; absent: GET. */
  readonly body?: unknown;
}

/** @throws Error when nobody answers. */
export function ask(url: string, { host, body }: Question = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json", ...(host === undefined ? {} : { host }) };
    const sent = request(url, { method: body === undefined ? "GET" : "POST", headers, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      response.on("error", reject);
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
    });
    sent.setTimeout(30_000, () => sent.destroy(new Error(`${url} did not answer within 30 s`)));
    sent.on("error", reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** A route reaches a gateway's processes a moment after it is accepted. @throws Error with the last answer. */
export async function askUntil(url: string, question: Question, status = 200): Promise<Answer> {
  let last: Answer | undefined;
  return until(
    `status ${status} of ${url} (${question.host ?? ""})`,
    async () => {
      last = await ask(url, question);
      if (last.status !== status) throw new Error(`${last.status}: ${last.text.slice(0, 300)}`);
      return last;
    },
    20_000,
  );
}
