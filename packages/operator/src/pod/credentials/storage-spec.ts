// SPDX-License-Identifier: Apache-2.0
// `storage: {key, path, parameters}`: one entry of a secret says where and how. Source: KServe CreateStorageSpecSecretEnvs.
import { type ComponentSpec, implementationsOf, type Role, ServalError } from "@serval/api";
import type { PodContext } from "../context.ts";
import { type Draft, secretEnv, textEnv } from "../parts.ts";
import { viewOf } from "./credential.ts";
import { annotatedSecret } from "./index.ts";

/** Stands for the scheme until the secret says which it is. */
export const schemePlaceholder = "<scheme-placeholder>";
const types: readonly string[] = ["s3", "hdfs", "webhdfs"];

export interface StorageSpec {
  readonly path?: string | undefined;
  readonly key?: string | undefined;
  readonly parameters?: Readonly<Record<string, string>> | undefined;
}

export function storageOf(role: Role, component: ComponentSpec): StorageSpec | undefined {
  const [implementation] = implementationsOf(role, component);
  return implementation === undefined || implementation.kind === "custom" ? undefined : implementation.spec.storage;
}

export const storageSpecOf = ({ role, component }: PodContext): StorageSpec | undefined => storageOf(role, component);

const refuse = (message: string, fix: string, transient = false): ServalError =>
  new ServalError("StorageCredentials", message, { fix, transient });

interface Entry {
  readonly secret: string;
  readonly key: string;
  /** undefined: there is no such entry, which only a named key needs. */
  readonly text: string | undefined;
}

function entryOf(spec: StorageSpec, context: PodContext): Entry {
  const { config, isvc, component, facts } = context;
  const name =
    annotatedSecret(isvc, component, config) ?? (config.credentials.storageSpecSecretName || "storage-config");
  const asked = spec.key ?? "";
  const secret = facts.secret(name);
  if (secret === undefined && asked !== "")
    throw refuse(
      `can't read storage secret ${name}: secrets "${name}" not found`,
      `Create the secret ${name} with the entry ${asked}`,
      true,
    );
  const type = spec.parameters?.["type"] ?? "";
  const key = asked !== "" ? asked : type === "" ? "default" : `default_${type}`;
  const text = secret === undefined ? undefined : viewOf(secret, config).text(key);
  if (text === undefined && asked !== "")
    throw refuse(
      `specified storage key ${key} not found in storage secret ${name}`,
      `Add the entry ${key} to the secret ${name}, or name one of: ${Object.keys(secret?.data ?? {}).join(", ")}`,
      true,
    );
  return { secret: name, key, text };
}

/** @throws ServalError when the type comes from it and it cannot be read. */
function dataOf({ text, key, secret }: Entry, isNeeded: boolean): Readonly<Record<string, unknown>> {
  if (text === undefined || text === "") return {};
  try {
    const data: unknown = JSON.parse(text);
    if (typeof data === "object" && data !== null) return data as Readonly<Record<string, unknown>>;
    throw new SyntaxError("it is not an object");
  } catch (error) {
    if (!isNeeded) return {};
    throw refuse(
      `invalid json encountered in key ${key} of storage secret ${secret}: ${(error as Error).message}`,
      `Write the entry ${key} as a JSON object: {"type": "s3", "bucket": "…"}`,
    );
  }
}

function typeOf(spec: StorageSpec, data: Readonly<Record<string, unknown>>): string {
  // KServe trusts a type that the service says, and checks one that the secret says.
  const asked = spec.parameters?.["type"] ?? "";
  if (asked !== "") return asked;
  const { type } = data;
  if (type === undefined || type === "")
    throw refuse("unable to determine storage type", 'Set storage.parameters.type, or "type" in the storage secret');
  if (typeof type === "string" && types.includes(type)) return type;
  throw refuse(
    `storage type must be one of [${types.join(", ")}]. storage type [${String(type)}] is not supported`,
    "Use one of them, or a storageUri",
  );
}

/** The initializer's first argument, with the scheme in the placeholder's place. */
function sourceOf(uri: string, type: string, bucket: string): string {
  const prefix = `${schemePlaceholder}://`;
  if (!uri.startsWith(prefix)) return uri;
  const path = uri.slice(prefix.length);
  if (type !== "s3") return `${type}://${path}`;
  if (bucket === "")
    throw refuse(
      `format [${type}] requires a bucket but one wasn't found in storage data or parameters`,
      'Set storage.parameters.bucket, or "bucket" in the storage secret',
    );
  return `${type}://${bucket}/${path}`;
}

/**
 * KServe looks for the bucket in the secret only while the type comes from there too; ours always does.
 * @throws ServalError StorageCredentials with KServe's texts.
 */
export function withStorageSpec(draft: Draft, spec: StorageSpec, context: PodContext): Draft {
  const { parameters = {} } = spec;
  const entry = entryOf(spec, context);
  const isTyped = (parameters["type"] ?? "") !== "";
  const data = dataOf(entry, !isTyped);
  const type = typeOf(spec, data);
  const bucket = parameters["bucket"] || (typeof data["bucket"] === "string" ? data["bucket"] : "");
  const bundle = data["cabundle_configmap"];
  const [uri = "", ...rest] = draft.container.args ?? [];
  const sorted = Object.fromEntries(Object.entries(parameters).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  const env = [
    ...(draft.container.env ?? []),
    ...(typeof bundle === "string" ? [textEnv("AWS_CA_BUNDLE_CONFIGMAP", bundle)] : []),
    ...(entry.text === undefined || entry.text === "" ? [] : [secretEnv("STORAGE_CONFIG", entry.secret, entry.key)]),
    ...(Object.keys(sorted).length === 0 ? [] : [textEnv("STORAGE_OVERRIDE_CONFIG", JSON.stringify(sorted))]),
  ];
  return { ...draft, container: { ...draft.container, args: [sourceOf(uri, type, bucket), ...rest], env } };
}
