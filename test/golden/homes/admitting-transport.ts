// SPDX-License-Identifier: Apache-2.0
// Admission of our kinds in front of a real API server, in this process: the same plugins as in the embedded server,
// around the server's own schema. For clusters where no webhook server is registered yet.
import type { AnyObject, ResourceType } from "@serval/api";
import type { AdmissionPlugin, AdmissionRequest, ApiRequest, ApiResponse, Transport } from "@serval/kube";

type Find = (group: string, version: string, plural: string) => ResourceType | undefined;

interface Target {
  readonly type: ResourceType;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
}

/** `/apis/GROUP/VERSION[/namespaces/NS]/PLURAL[/NAME]`; undefined: a subresource, or no kind of ours. */
function targetOf(path: string, find: Find): Target | undefined {
  const [root, group = "", version = "", ...rest] = path.split("/").filter((part) => part !== "");
  if (root !== "apis") return undefined;
  const namespace = rest[0] === "namespaces" ? rest[1] : undefined;
  const [plural = "", name, subresource] = namespace === undefined ? rest : rest.slice(2);
  const type = subresource === undefined ? find(group, version, plural) : undefined;
  return type === undefined ? undefined : { type, namespace, name };
}

interface Admitted {
  readonly object: AnyObject;
  readonly warnings: readonly string[];
  readonly refusal?: ApiResponse;
}

async function runPlugins(
  plugins: readonly AdmissionPlugin[],
  phase: AdmissionPlugin["phase"],
  request: AdmissionRequest & { object: AnyObject },
): Promise<Admitted> {
  let { object } = request;
  const warnings: string[] = [];
  for (const plugin of plugins) {
    if (plugin.phase !== phase || !plugin.handles(request)) continue;
    const result = await plugin.admit({ ...request, object });
    warnings.push(...(result.warnings ?? []));
    object = result.object ?? object;
    if (result.denied === undefined) continue;
    const message = `admission webhook ${JSON.stringify(plugin.name)} denied the request: ${result.denied.message}`;
    const { code, reason } = result.denied;
    return { object, warnings, refusal: { status: code, body: { kind: "Status", code, reason, message } } };
  }
  return { object, warnings };
}

const user = { username: "golden", groups: ["system:masters"] };

export interface AdmittingOptions {
  readonly transport: Transport;
  readonly plugins: readonly AdmissionPlugin[];
  readonly find: Find;
}

export function admittingTransport({ transport, plugins, find }: AdmittingOptions): Transport {
  /** What the server would store, before any plugin. */
  const dryRun = (request: ApiRequest): Promise<ApiResponse> =>
    transport.send({ ...request, query: { ...request.query, dryRun: "All" } });

  async function write(request: ApiRequest, { type, namespace, name }: Target): Promise<ApiResponse> {
    const isNew = request.method === "POST";
    const trial = await dryRun(request);
    if (trial.status >= 400) return trial;
    const old = isNew ? undefined : await transport.send({ method: "GET", path: request.path });
    const about = {
      operation: isNew ? "CREATE" : "UPDATE",
      resource: type,
      namespace,
      name: name ?? (trial.body as AnyObject).metadata.name ?? "",
      ...(old === undefined ? {} : { oldObject: old.body as AnyObject }),
      user,
      dryRun: false,
    } as const;
    // A creation is decoded once more with what the plugins made of it; a dry run has set fields that only a server may.
    const given = isNew ? (request.body as AnyObject) : (trial.body as AnyObject);
    const mutated = await runPlugins(plugins, "mutate", { ...about, object: given });
    if (mutated.refusal !== undefined) return mutated.refusal;
    const next: ApiRequest = isNew
      ? { ...request, body: mutated.object }
      : { method: "PUT", path: request.path, body: mutated.object, ...(request.query ? { query: request.query } : {}) };
    const complete = await dryRun(next);
    if (complete.status >= 400) return complete;
    const validated = await runPlugins(plugins, "validate", { ...about, object: complete.body as AnyObject });
    if (validated.refusal !== undefined) return { ...validated.refusal, warnings: trial.warnings ?? [] };
    const stored = await transport.send(next);
    return { ...stored, warnings: [...(trial.warnings ?? []), ...mutated.warnings, ...validated.warnings] };
  }
  return {
    async send(request) {
      const isWrite = request.method === "POST" || request.method === "PUT" || request.method === "PATCH";
      const target = isWrite ? targetOf(request.path, find) : undefined;
      return target === undefined ? transport.send(request) : write(request, target);
    },
    close: () => transport.close(),
  };
}
