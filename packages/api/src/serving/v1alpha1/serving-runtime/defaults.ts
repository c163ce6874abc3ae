// SPDX-License-Identifier: Apache-2.0
// The seed's `multiModel: { replicas }` in KServe's fields, so that every client can read what is stored (ADR 0010).
import type { ServingRuntime } from "./schema.ts";

interface MultiModel {
  readonly replicas?: number;
}

/** Also what was stored before admission ran: anything but false and absent is multi-model. */
export function defaultServingRuntime(runtime: ServingRuntime): ServingRuntime {
  const given: unknown = runtime.spec?.multiModel;
  if (typeof given !== "object" || given === null) return runtime;
  const { replicas } = given as MultiModel;
  const { spec } = runtime;
  return {
    ...runtime,
    spec: {
      ...spec,
      multiModel: true,
      ...(replicas === undefined || spec.replicas !== undefined ? {} : { replicas }),
    },
  };
}
