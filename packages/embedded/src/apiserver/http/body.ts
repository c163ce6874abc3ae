// SPDX-License-Identifier: Apache-2.0
// Request bodies: bounded, JSON or YAML, with the keys that the text has twice.
// Source: k8s.io/apiserver/pkg/endpoints/handlers/rest.go (limitedReadBody)
import type { IncomingMessage } from "node:http";
import { badRequest, tooLarge, unsupportedMediaType } from "../status.ts";
import { duplicateKeys } from "./duplicate-keys.ts";
import { decodeProtobuf, type ProtobufTables, protobufMediaType } from "./protobuf.ts";

/** kube-apiserver's MaxRequestBodyBytes. */
const bodyBytes = 3 * 1024 * 1024;

export interface Body {
  readonly value: unknown;
  readonly duplicateFields: readonly string[];
}

/** @throws ApiError 413 as soon as the limit is passed. */
async function readBytes(request: IncomingMessage): Promise<Buffer> {
  const message = `limit is ${bodyBytes}`;
  if (Number(request.headers["content-length"] ?? 0) > bodyBytes) throw tooLarge(message);
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > bodyBytes) throw tooLarge(message);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

const yamlTypes = new Set(["application/yaml", "application/apply-patch+yaml", "text/yaml", "application/x-yaml"]);
const acceptedTypes = ["application/json", "application/yaml", protobufMediaType];

/** The position in a parser's message is ours to show; the text around it may hold a secret and is not. */
const unreadable = (format: string, error: unknown): Error => {
  const where = /position \d+|line \d+, column \d+/.exec((error as Error).message)?.[0];
  return badRequest(
    `couldn't parse the body as ${format}${where === undefined ? "" : ` (at ${where})`}; check its syntax`,
  );
};

function parseJson(text: string): Body {
  try {
    return { value: JSON.parse(text) as unknown, duplicateFields: duplicateKeys(text) };
  } catch (error) {
    throw unreadable("JSON", error);
  }
}

/** As kubectl reads YAML: 1.1 scalars, but dates stay text. */
async function parseYaml(text: string): Promise<Body> {
  const { parseDocument } = await import("yaml");
  const document = parseDocument(text, {
    schema: "yaml-1.1",
    merge: true,
    uniqueKeys: false,
    customTags: (tags) =>
      tags.filter((tag) => tag !== "timestamp" && (typeof tag === "string" || !tag.tag.endsWith(":timestamp"))),
  });
  const [problem] = document.errors;
  if (problem !== undefined) throw unreadable("YAML", problem);
  try {
    return { value: document.toJS({ maxAliasCount: 100 }) as unknown, duplicateFields: [] };
  } catch (error) {
    throw unreadable("YAML", error);
  }
}

async function parseProtobuf(bytes: Buffer): Promise<Body> {
  const { default: tables } = await import("./kubernetes-protobuf.gen.json", { with: { type: "json" } });
  try {
    return { value: decodeProtobuf(bytes, tables as unknown as ProtobufTables), duplicateFields: [] };
  } catch (error) {
    throw badRequest(`couldn't read the body as protobuf: ${(error as Error).message}`);
  }
}

/** Undefined value: an empty body. @throws ApiError 400, 413, 415. */
export async function readBody(request: IncomingMessage): Promise<Body> {
  const bytes = await readBytes(request);
  if (bytes.length === 0) return { value: undefined, duplicateFields: [] };
  const mediaType = (request.headers["content-type"] ?? "application/json").split(";")[0]?.trim() ?? "";
  if (mediaType === protobufMediaType) return parseProtobuf(bytes);
  const text = bytes.toString("utf8");
  if (yamlTypes.has(mediaType)) return /^\s*[{[]/.test(text) ? parseJson(text) : parseYaml(text);
  if (mediaType === "application/json" || mediaType.endsWith("+json") || mediaType === "*/*") return parseJson(text);
  throw unsupportedMediaType(acceptedTypes);
}
