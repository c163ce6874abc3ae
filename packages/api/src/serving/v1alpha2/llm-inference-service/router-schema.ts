// SPDX-License-Identifier: Apache-2.0
// How requests reach an LLM: gateways, routes, the endpoint picker and its pool.
// The pool is Gateway API Inference Extension's: v1 in v1alpha2, its predecessor in v1alpha1.
import type { ConfigMapKeySelector, HTTPRoute, LocalObjectReference } from "@serval/api/core/index.ts";
import {
  anyObject,
  core,
  int32,
  list,
  map,
  object,
  oneOf,
  optional,
  relaxed,
  text,
  textMap,
  withRules,
} from "@serval/api/schema/makers.ts";
import type { Static, TSchema } from "typebox";
import { llmPodSpec, wholePodSpec } from "./workload-schema.ts";

const labelPattern = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const domainPattern = `^${labelPattern}(\\.${labelPattern})*$`;
export const groupName = { maxLength: 253, pattern: `^$|${domainPattern}` };
export const kindName = { minLength: 1, maxLength: 63, pattern: "^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$" };
export const objectName = { minLength: 1, maxLength: 253 };
export const namespaceName = { minLength: 1, maxLength: 63, pattern: `^${labelPattern}$` };
export const sectionName = { minLength: 1, maxLength: 253, pattern: domainPattern };
export const portNumber = { minimum: 1, maximum: 65535 };
export const atomicList = { "x-kubernetes-list-type": "atomic" };

const localReference = core<LocalObjectReference>("io.k8s.api.core.v1.LocalObjectReference");

export { localReference };

const endpointPicker = withRules(
  object({
    group: optional(text({ ...groupName, minLength: 0, default: "" })),
    kind: optional(text({ ...kindName, default: "Service" })),
    name: text(objectName),
    port: optional(object({ number: int32(portNumber) })),
    failureMode: optional(oneOf(["FailOpen", "FailClose"], { default: "FailClose" })),
  }),
  [
    {
      message: "port is required when kind is 'Service' or unspecified (defaults to 'Service')",
      cel: "self.kind != 'Service' || has(self.port)",
      holds: ({ kind = "Service", port }: { kind?: string; port?: unknown }) =>
        kind !== "Service" || port !== undefined,
    },
  ],
);

type Ports = readonly { number: number }[];
export const poolSpec = object({
  selector: object({
    matchLabels: map(text({ minLength: 0, maxLength: 63, pattern: "^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$" }), {
      minProperties: 1,
      maxProperties: 64,
    }),
  }),
  targetPorts: withRules(list(object({ number: int32(portNumber) }), { ...atomicList, minItems: 1, maxItems: 8 }), [
    {
      message: "port number must be unique",
      cel: "self.all(p1, self.exists_one(p2, p1.number==p2.number))",
      holds: (ports: Ports) => new Set(ports.map(({ number }) => number)).size === ports.length,
    },
  ]),
  endpointPickerRef: endpointPicker,
  appProtocol: optional(oneOf(["http", "kubernetes.io/h2c"], { default: "http" })),
});
export type PoolSpec = Static<typeof poolSpec>;

export const poolSpecV1alpha1 = object({
  selector: map(text({ minLength: 0, maxLength: 63 })),
  targetPortNumber: int32(),
  extensionRef: optional(
    object({
      group: optional(text(groupName)),
      kind: optional(text(kindName)),
      name: text(objectName),
      portNumber: optional(int32(portNumber)),
      failureMode: oneOf(["FailOpen", "FailClose"]),
    }),
  ),
});
export type PoolSpecV1alpha1 = Static<typeof poolSpecV1alpha1>;

const objectReference = { name: optional(text(objectName)), namespace: optional(text(namespaceName)) };
const routeSpec = core<NonNullable<HTTPRoute["spec"]>>("io.k8s.networking.gateway.v1.HTTPRouteSpec");

interface RouterParts<Pool extends TSchema> {
  readonly pool: Pool;
  /** A preset is checked once it is merged and rendered, so its pods, routes and pools may hold templates. */
  readonly isPreset: boolean;
}

export const llmRouter = <Pool extends TSchema>({ pool, isPreset }: RouterParts<Pool>) =>
  object({
    route: optional(
      object({
        http: optional(
          object({
            refs: optional(list(localReference)),
            spec: optional(isPreset ? relaxed(routeSpec) : routeSpec),
          }),
        ),
        group: optional(
          text({
            minLength: 1,
            maxLength: 63,
            pattern: "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$",
            description: "Services of one group share their traffic by weight",
          }),
        ),
        weight: optional(int32({ minimum: 0, maximum: 1_000_000 })),
      }),
    ),
    gateway: optional(
      object({
        refs: optional(list(object({ ...objectReference, sectionName: optional(text(sectionName)) }))),
      }),
    ),
    ingress: optional(object({ refs: optional(list(object(objectReference))) })),
    scheduler: optional(
      object({
        pool: optional(object({ spec: optional(isPreset ? relaxed(pool) : pool), ref: optional(localReference) })),
        template: optional(isPreset ? relaxed(llmPodSpec) : llmPodSpec),
        config: optional(
          object({
            inline: optional(anyObject()),
            ref: optional(core<ConfigMapKeySelector>("io.k8s.api.core.v1.ConfigMapKeySelector")),
          }),
        ),
        replicas: optional(int32()),
        labels: optional(textMap()),
        annotations: optional(textMap()),
        tokenizer: optional(object({ template: optional(isPreset ? relaxed(wholePodSpec) : wholePodSpec) })),
      }),
    ),
  });
