// SPDX-License-Identifier: Apache-2.0
// Open Inference Protocol over HTTP (kserve: python/kserve/kserve/protocol/rest/v2_endpoints.py).
import {
  encodeInferResponse,
  type InferRequest,
  metadataBody,
  parseInferRequest,
  RequestError,
  type Tensor,
} from "@serval/protocol";
import type { Entry } from "../repository.ts";
import { type Exchange, type Handler, sendJson } from "./exchange.ts";
import { measured, predictiveModel } from "./v1-routes.ts";

/** Clients compare this body: KServe 0.20's name, version and extensions. */
const SERVER_METADATA = '{"name":"kserve","version":"0.20.0","extensions":["model_repository_extension"]}';

export const serverMetadata: Handler = ({ response }) => sendJson(response, 200, SERVER_METADATA);
export const live: Handler = ({ response }) => sendJson(response, 200, '{"live":true}');
export const listV2: Handler = ({ response, deps }) =>
  sendJson(response, 200, JSON.stringify({ models: deps.repository.names }));

export const modelMetadata: Handler = ({ response, params, deps }) => {
  const entry = deps.repository.entry(params[0]!);
  if (entry.model.kind === "predictive" && !entry.model.ready) deps.repository.ready(entry.name);
  const metadata =
    entry.model.kind === "predictive" ? entry.model.metadata() : { platform: "llama", inputs: [], outputs: [] };
  sendJson(response, 200, metadataBody(entry.name, metadata));
};

export const modelReady: Handler = ({ response, params, deps }) => {
  const { name } = deps.repository.ready(params[0]!);
  sendJson(response, 200, `{"name":${JSON.stringify(name)},"ready":true}`);
};

export const versioned: Handler = () => {
  throw new RequestError(501, "Model versioning not supported yet.");
};

export const infer: Handler = (exchange) => {
  const { deps, params } = exchange;
  const entry = deps.repository.ready(params[0]!);
  return measured(exchange, entry, () => {
    const model = predictiveModel(entry);
    const request = readInfer(exchange, entry.name);
    const began = deps.now();
    const outputs = model.infer(request.inputs);
    if (!(outputs instanceof Promise)) return reply(exchange, entry, { request, outputs, began });
    return outputs.then((tensors) => reply(exchange, entry, { request, outputs: tensors, began }));
  });
};

/** KServe: without a JSON content type the body must be binary; here a missing header means that all of it is JSON. */
function readInfer({ request, body }: Exchange, model: string): InferRequest {
  const header = request.headers["inference-header-content-length"];
  if (header === undefined) return parseInferRequest(body.toString("utf8"), model);
  const length = Number(header);
  if (!Number.isInteger(length) || length < 0 || length > body.byteLength) {
    throw new RequestError(
      400,
      `Cannot read the request: Inference-Header-Content-Length ${String(header).slice(0, 40)} does not fit a body of ${body.byteLength} bytes`,
    );
  }
  return parseInferRequest(body.toString("utf8", 0, length), model, body.subarray(length));
}

interface Answered {
  readonly request: InferRequest;
  readonly outputs: readonly Tensor[];
  readonly began: number;
}

function reply({ deps, response }: Exchange, entry: Entry, { request, outputs, began }: Answered): void {
  entry.metrics.predict.observe((deps.now() - began) / 1000);
  const { body, headerLength } = encodeInferResponse(
    { modelName: entry.name, id: request.id ?? deps.uuid(), parameters: request.parameters, outputs },
    request,
  );
  if (headerLength === undefined) {
    sendJson(response, 200, body as string);
    return;
  }
  response.writeHead(200, [
    "content-type",
    "application/octet-stream",
    "content-length",
    String(body.length),
    "inference-header-content-length",
    String(headerLength),
  ]);
  response.end(body);
}

export const repositoryLoad: Handler = ({ response, params, deps }) => {
  const name = params[0]!;
  // KServe: an unknown name is "not ready" here, and 404 everywhere else.
  if (!deps.repository.has(name)) throw new RequestError(503, `Model with name ${name} is not ready.`);
  deps.repository.ready(name);
  sendJson(response, 200, `{"name":${JSON.stringify(name)},"load":true}`);
};

export const repositoryUnload: Handler = async ({ response, params, deps }) => {
  await deps.repository.unload(params[0]!);
  sendJson(response, 200, `{"name":${JSON.stringify(params[0])},"unload":true}`);
};

/** Triton's and MLServer's index; KServe has no such route. */
export const repositoryIndex: Handler = ({ response, deps }) =>
  sendJson(
    response,
    200,
    JSON.stringify(
      deps.repository.all.map(({ name, model }) => ({
        name,
        version: "",
        state: model.ready ? "READY" : "UNAVAILABLE",
        reason: "",
      })),
    ),
  );
