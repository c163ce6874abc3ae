// SPDX-License-Identifier: Apache-2.0
// V1 of KServe over HTTP: list, ready, predict (kserve: python/kserve/kserve/protocol/rest/v1_endpoints.py).
import { checkV1, instancesOf, parseJson, predictionsBody, RequestError, tensorsFromInstances } from "@serval/protocol";
import type { PredictiveModel } from "@serval/runtimes/model.ts";
import type { Entry } from "../repository.ts";
import { cloudEventOf } from "./cloud-event.ts";
import { type Exchange, type Handler, sendError, sendJson } from "./exchange.ts";

export const listV1: Handler = ({ response, deps }) =>
  sendJson(response, 200, JSON.stringify({ models: deps.repository.names }));

export const readyV1: Handler = ({ response, params, deps }) => {
  const { name } = deps.repository.ready(params[0]!);
  sendJson(response, 200, `{"name":${JSON.stringify(name)},"ready":true}`);
};

/** Times and counts a prediction of a known model; errors are answered here so that they are counted too. */
export function measured(exchange: Exchange, entry: Entry, run: () => void | Promise<void>): void | Promise<void> {
  const { deps, response } = exchange;
  const began = deps.now();
  const { metrics } = entry;
  const finish = (): void => metrics.done(response.statusCode, (deps.now() - began) / 1000);
  const fail = (error: unknown): void => {
    sendError(response, error, deps);
    finish();
  };
  try {
    const pending = run();
    if (pending === undefined) return finish();
    return pending.then(finish, fail);
  } catch (error) {
    return fail(error);
  }
}

export function predictiveModel({ model, name }: Entry): PredictiveModel {
  if (model.kind === "predictive") return model;
  throw new RequestError(
    400,
    `Model ${name} is a language model and does not support inference; post to /v1/chat/completions`,
  );
}

export const predictV1: Handler = (exchange) => {
  const { deps, params, body, request } = exchange;
  const entry = deps.repository.ready(params[0]!);
  return measured(exchange, entry, () => {
    const model = predictiveModel(entry);
    // KServe: bytes go to the model undecoded unless the content type is exactly application/json; here JSON is JSON.
    const event = cloudEventOf(request.headers, parseJson(body.toString("utf8")));
    const payload = checkV1(event.payload);
    const started = deps.now();
    if (model.predict !== undefined) return event.reply(exchange, JSON.stringify(model.predict(payload)));
    const outputs = model.infer(tensorsFromInstances(instancesOf(payload)));
    if (!(outputs instanceof Promise)) {
      entry.metrics.predict.observe((deps.now() - started) / 1000);
      return event.reply(exchange, predictionsBody(outputs));
    }
    return outputs.then((tensors) => {
      entry.metrics.predict.observe((deps.now() - started) / 1000);
      event.reply(exchange, predictionsBody(tensors));
    });
  });
};

export const explainV1: Handler = ({ params, deps }) => {
  deps.repository.ready(params[0]!);
  throw new RequestError(501, "Could not find explainer_host.");
};
