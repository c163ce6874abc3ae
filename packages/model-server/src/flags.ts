// SPDX-License-Identifier: Apache-2.0
// The command line of `serval serve`: KServe's flags and those of vLLM that have a meaning here, in both spellings
// (--model_name, --model-name). Like KServe's servers it ignores flags that it does not know; unlike them it says so.
import { isIP } from "node:net";

export interface ServeOptions {
  readonly modelName: string;
  /** Candidates in the order given; the last that exists is served. */
  readonly modelDirs: readonly string[];
  readonly framework: string | undefined;
  readonly host: string;
  readonly port: number;
  readonly maxRequestBytes: number;
  readonly maxModelLength: number | undefined;
  readonly chatTemplate: string | undefined;
  readonly threads: number | undefined;
  readonly probabilities: boolean;
  readonly openaiPrefix: string;
  readonly ignored: readonly string[];
}

/** A flag with an unusable value: the message says which and what is expected. */
export class FlagError extends Error {
  override readonly name = "FlagError";
}

/** Flags that mean something to KServe's servers, accepted and without effect here because nothing is lost. */
const quiet = new Set(
  (
    "workers grpc_port max_threads max_asyncio_workers enable_grpc enable_docs_url enable_latency_logging configure_logging log_config_file " +
    "access_log_format event_loop timeout_keep_alive protocol predictor_protocol nthread backend task dtype trust_remote_code"
  ).split(" "),
);

export function parseFlags(argv: readonly string[], env: NodeJS.ProcessEnv): ServeOptions {
  const flags = collect(argv);
  const last = (...names: string[]): string | undefined =>
    names.map((name) => flags.get(name)?.at(-1)).find((value) => value !== undefined);
  const known = new Set<string>();
  const text = (...names: string[]): string | undefined => {
    for (const name of names) known.add(name);
    return last(...names);
  };
  const count = (fallback: number | undefined, ...names: string[]): number | undefined =>
    number(names[0]!, text(...names), fallback);
  const dirs = [...(flags.get("model_dir") ?? []), ...(flags.get("model") ?? []), ...(flags.get("model_path") ?? [])];
  for (const name of ["model_dir", "model", "model_path"]) known.add(name);
  const options = {
    modelName: text("served_model_name", "model_name") ?? "model",
    modelDirs: dirs.length > 0 ? dirs : ["/mnt/models"],
    framework: text("framework"),
    host: host(text("host"), env["SERVAL_HOST"]),
    port: count(8080, "http_port", "port", "rest_port")!,
    maxRequestBytes: count(64 * 1024 * 1024, "max_request_bytes")!,
    maxModelLength: count(undefined, "max_model_len", "max_length"),
    chatTemplate: text("chat_template"),
    threads: count(undefined, "threads"),
    probabilities: /^(1|true|yes|on)$/i.test(env["PREDICT_PROBA"] ?? ""),
    openaiPrefix: prefix(env["KSERVE_OPENAI_ROUTE_PREFIX"] ?? "/openai"),
  };
  return { ...options, ignored: [...flags.keys()].filter((name) => !known.has(name) && !quiet.has(name)) };
}

/** Loopback unless asked: a pod of the embedded home must not open the model to the network. */
function host(flag: string | undefined, env: string | undefined): string {
  const value = flag ?? (env || "127.0.0.1");
  if (isIP(value) !== 0 || value === "localhost") return value;
  throw new FlagError(
    `Cannot listen on --host=${value}: it is not an IP address; use 127.0.0.1, or 0.0.0.0 for every network of the machine`,
  );
}

const prefix = (value: string): string => (value === "" || value.startsWith("/") ? value : `/${value}`);

function number(name: string, value: string | undefined, fallback: number | undefined): number | undefined {
  if (value === undefined) return fallback;
  const parsed = Number(value);
  if (value !== "" && Number.isInteger(parsed) && parsed >= 0 && (name !== "http_port" || parsed <= 65_535))
    return parsed;
  throw new FlagError(
    `Cannot start: --${name}=${value} is not a ${name === "http_port" ? "port (0 to 65535)" : "whole number of at least 0"}`,
  );
}

/** `--name=value`, `--name value` and `--name`; the last one wins, all are kept. */
function collect(argv: readonly string[]): Map<string, string[]> {
  const flags = new Map<string, string[]>();
  for (let at = 0; at < argv.length; at++) {
    const argument = argv[at]!;
    if (!argument.startsWith("--")) continue;
    const equals = argument.indexOf("=");
    const name = (equals === -1 ? argument.slice(2) : argument.slice(2, equals)).replaceAll("-", "_");
    const next = argv[at + 1];
    let value = equals === -1 ? "true" : argument.slice(equals + 1);
    if (equals === -1 && next !== undefined && !next.startsWith("--")) {
      value = next;
      at += 1;
    }
    flags.set(name, [...(flags.get(name) ?? []), value]);
  }
  return flags;
}
