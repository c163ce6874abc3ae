// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Pod } from "@serval/api";
import { type ServiceView, serviceProgress } from "./service-state.ts";

const service = (status: ServiceView["status"]): ServiceView => ({ metadata: { name: "m", generation: 2 }, status });
const ready = { type: "Ready", status: "True" };
const pod = (status: Pod["status"], annotations: Record<string, string> = {}): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "p", annotations },
  status,
});
const container = (state: object, isReady = false) => ({
  name: "c",
  image: "",
  imageID: "",
  ready: isReady,
  restartCount: 0,
  state,
});
const initializing = {
  initContainerStatuses: [container({ running: {} })],
  containerStatuses: [container({ waiting: { reason: "PodInitializing" } })],
};
const started = {
  initContainerStatuses: [container({ terminated: { exitCode: 0 } })],
  containerStatuses: [container({ running: {} })],
};

describe("serviceProgress()", () => {
  const cases = [
    { name: "nothing yet", view: service(undefined), pods: [], shown: ["starting", ""] },
    { name: "fetching the model", view: service({}), pods: [pod(initializing as never)], shown: ["pulling", ""] },
    {
      name: "fetching, with numbers",
      view: service({}),
      pods: [pod(initializing as never, { "serval.dev/progress": '{"bytes":12000000,"totalBytes":30000000}' })],
      shown: ["pulling", "12 MB of 30 MB"],
    },
    { name: "the server loads", view: service({}), pods: [pod(started as never)], shown: ["loading", ""] },
    {
      name: "a cause is told before anything else",
      view: service({ serval: { message: "no such bucket" } }),
      pods: [pod(started as never)],
      shown: ["failing", "no such bucket"],
    },
    {
      name: "ready",
      view: service({ observedGeneration: 2, url: "http://m", conditions: [ready] }),
      pods: [],
      shown: ["ready", "http://m"],
    },
    {
      name: "ready for an older spec is not ready",
      view: service({ observedGeneration: 1, conditions: [ready] }),
      pods: [],
      shown: ["starting", ""],
    },
  ];
  for (const { name, view, pods, shown } of cases) {
    it(name, () => {
      const { state, detail } = serviceProgress(view, pods);
      assert.deepEqual([state, detail], shown);
    });
  }
});
