// SPDX-License-Identifier: Apache-2.0
// What the gateway answers when it cannot pass a request on: one status and one code each, JSON for people and programs.

export interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const refusal = (status: number, code: string, message: string, headers?: Record<string, string>): Refusal =>
  headers === undefined ? { status, code, message } : { status, code, message, headers };

export const refusals = {
  noRoute: (host: string, path: string) =>
    refusal(
      404,
      "SV9001",
      `No route for host "${host}" and path "${path}"; use the host of the InferenceService's status.url, or the path /serving/<namespace>/<name>/`,
    ),
  /** 500, as the Gateway API demands for a backend that does not resolve. */
  badBackend: (route: string, why: string) =>
    refusal(500, "SV9002", `HTTPRoute "${route}" has a backend that cannot be used: ${why}`),
  noEndpoint: (name: string) =>
    refusal(
      503,
      "SV9003",
      `Service "${name}" has no ready endpoint; kubectl describe or serval describe of the InferenceService says why`,
      { "retry-after": "1" },
    ),
  noBackend: (route: string) => refusal(500, "SV9004", `HTTPRoute "${route}" has no backend with a weight above 0`),
  unsupportedFilter: (route: string, filter: string) =>
    refusal(500, "SV9005", `HTTPRoute "${route}" uses the filter ${filter}, which this gateway does not support`),
  tooLarge: (limitBytes: number) =>
    refusal(
      413,
      "SV9006",
      `The request body is larger than ${limitBytes} bytes; raise --max-request-bytes of the gateway`,
    ),
  timeout: (timeoutMs: number) =>
    refusal(
      504,
      "SV9007",
      `No complete answer within ${timeoutMs / 1000} s; raise spec.<component>.timeout of the InferenceService`,
    ),
  unreachable: (why: string) => refusal(502, "SV9008", `The model server did not answer: ${why}`),
  grpc: () => refusal(501, "SV9009", "gRPC is not served by this gateway yet; use the REST protocols v1 and v2"),
  upgrade: () => refusal(501, "SV9010", "Connection upgrades are not served by this gateway yet"),
  bodyStalled: (idleMs: number) =>
    refusal(408, "SV9011", `The request body did not come: nothing was received for ${idleMs / 1000} s`),
} as const;

export const refusalBody = ({ code, message }: Refusal): string => JSON.stringify({ error: message, code });
