// SPDX-License-Identifier: Apache-2.0
// The statuses of LLMInferenceService and LLMInferenceServiceConfig, in both versions.
import {
  boolean,
  int32,
  int64,
  list,
  object,
  oneOf,
  optional,
  text,
  textMap,
  withRules,
} from "@serval/api/schema/makers.ts";
import type { Static } from "typebox";
import { addressable, condition } from "../../component-schema.ts";
import {
  atomicList,
  groupName,
  kindName,
  namespaceName,
  objectName,
  portNumber,
  sectionName,
} from "./router-schema.ts";

const reference = {
  group: text(groupName),
  kind: text(kindName),
  name: text(objectName),
  namespace: optional(text(namespaceName)),
};

const workloadReference = object(
  { apiGroup: optional(text()), kind: text(), name: text(), readyReplicas: optional(int32()) },
  { "x-kubernetes-map-type": "atomic" },
);

const backendReference = withRules(
  object({
    group: optional(text({ ...groupName, default: "" })),
    kind: optional(text({ ...kindName, default: "Service" })),
    name: text(objectName),
    namespace: optional(text(namespaceName)),
    port: optional(int32(portNumber)),
  }),
  [
    {
      message: "Must have port for Service reference",
      cel: "(size(self.group) == 0 && self.kind == 'Service') ? has(self.port) : true",
      holds: ({ group = "", kind = "Service", port }: { group?: string; kind?: string; port?: number }) =>
        group !== "" || kind !== "Service" || port !== undefined,
    },
  ],
);

const routerBase = {
  gateways: optional(
    list(
      object({
        ...reference,
        listeners: optional(list(text(sectionName), atomicList)),
        httpRoutes: optional(list(object(reference), atomicList)),
      }),
      atomicList,
    ),
  ),
  scheduler: optional(object({ inferencePool: optional(object(reference)), service: optional(object(reference)) })),
};

const group = object({
  name: text(),
  members: optional(
    list(
      object({
        name: text(),
        weight: int32(),
        stopped: optional(boolean()),
        backendRef: optional(backendReference),
      }),
      { "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"] },
    ),
  ),
});

/** Knative's duck status. */
const duck = {
  observedGeneration: optional(int64()),
  conditions: optional(list(condition)),
  annotations: optional(textMap()),
};

const addressFields = addressable.properties;
export const llmStatus = object({
  ...duck,
  url: optional(text()),
  address: optional(addressable),
  addresses: optional(
    list(
      object({
        ...addressFields,
        origin: optional(object(reference)),
        models: optional(list(object({ name: text() }))),
      }),
      atomicList,
    ),
  ),
  router: optional(object({ ...routerBase, group: optional(group) })),
  workloads: optional(
    object({
      primary: optional(workloadReference),
      prefill: optional(workloadReference),
      scheduler: optional(workloadReference),
      service: optional(
        object({ apiGroup: optional(text()), kind: text(), name: text() }, { "x-kubernetes-map-type": "atomic" }),
      ),
    }),
  ),
  appliedConfigs: optional(
    list(
      object({
        name: text(objectName),
        namespace: text(namespaceName),
        source: oneOf(["Preset", "UserRef"]),
      }),
      atomicList,
    ),
  ),
});
export type LlmStatus = Static<typeof llmStatus>;

export const llmStatusV1alpha1 = object({
  ...duck,
  url: optional(text()),
  address: optional(addressable),
  addresses: optional(list(addressable)),
  router: optional(object(routerBase)),
});

export const llmConfigStatus = object({
  ...duck,
  referencedBy: optional(
    list(object({ name: optional(text(objectName)), namespace: optional(text(namespaceName)) }), atomicList),
  ),
});
export const llmConfigStatusV1alpha1 = object(duck);
