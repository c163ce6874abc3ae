// SPDX-License-Identifier: Apache-2.0
// CloudEvents around V1 predictions (kserve: python/kserve/kserve/utils/utils.py): binary mode in headers, structured
// mode in the body. Most requests are none of these; that case must stay free.
import type { IncomingHttpHeaders } from "node:http";
import { RequestError } from "@serval/protocol";
import { type Exchange, sendJson } from "./exchange.ts";

export interface CloudEvent {
  readonly payload: unknown;
  reply(exchange: Exchange, body: string): void;
}

const plain = { reply: ({ response }: Exchange, body: string): void => sendJson(response, 200, body) };

export function cloudEventOf(headers: IncomingHttpHeaders, body: unknown): CloudEvent {
  if (headers["ce-id"] !== undefined && headers["ce-source"] && headers["ce-type"] && headers["ce-specversion"]) {
    const version = String(headers["ce-specversion"]);
    if (version !== "1.0" && version !== "0.3")
      throw new RequestError(400, `Cloud Event Exceptions: Found invalid specversion ${version}`);
    return { payload: body, reply: replyBinary };
  }
  const structured = structuredData(body);
  if (structured === undefined) return { payload: body, reply: plain.reply };
  // KServe: a structured event sent as application/json is unwrapped, and its answer is not wrapped again.
  const wrapped = headers["content-type"] === "application/cloudevents+json";
  return { payload: structured.data, reply: wrapped ? replyStructured : plain.reply };
}

function structuredData(body: unknown): { data: unknown } | undefined {
  if (typeof body !== "object" || body === null || !("specversion" in body)) return undefined;
  return ["type", "source", "id", "data"].every((key) => key in body)
    ? { data: (body as Record<string, unknown>)["data"] }
    : undefined;
}

/** Python's json.dumps spacing, which KServe's own tests compare. */
const spaced = (body: string): string =>
  body.replace(/"(?:[^"\\]|\\.)*"|[,:]/g, (part) => (part === "," || part === ":" ? `${part} ` : part));

const attributes = ({ deps, params }: Exchange) => ({
  id: deps.uuid(),
  source: `io.kserve.inference.${params[0]}`,
  type: "io.kserve.inference.response",
  time: new Date(deps.wallClock()).toISOString(),
});

function replyBinary(exchange: Exchange, body: string): void {
  const { id, source, type, time } = attributes(exchange);
  const headers = { "ce-specversion": "1.0", "ce-id": id, "ce-source": source, "ce-type": type, "ce-time": time };
  for (const [name, value] of Object.entries(headers)) exchange.response.setHeader(name, value);
  sendText(exchange, spaced(body), "application/json");
}

function replyStructured(exchange: Exchange, body: string): void {
  const { id, source, type, time } = attributes(exchange);
  const head = `{"specversion": "1.0", "id": "${id}", "source": "${source}", "type": "${type}", "time": "${time}", "data": `;
  sendText(exchange, `${head}${spaced(body)}}`, "application/cloudevents+json");
}

function sendText({ response }: Exchange, body: string, type: string): void {
  response.setHeader("content-type", type);
  response.setHeader("content-length", Buffer.byteLength(body));
  response.end(body);
}
