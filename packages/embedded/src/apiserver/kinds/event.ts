// SPDX-License-Identifier: Apache-2.0
// Events are stored once, in the shape of core/v1, and seen through two groups.
// Source: k8s.io/kubernetes/pkg/apis/events/v1/conversion.go
import type { AnyObject } from "@serval/api";
import type { FieldError } from "@serval/kube/patch/contract";
import type { KindRules, View } from "../resources/resource.ts";
import { invalidValue } from "./finding.ts";

/** events.k8s.io/v1 name -> core/v1 name. All other fields are called the same. */
const renamed: Readonly<Record<string, string>> = {
  regarding: "involvedObject",
  note: "message",
  reportingController: "reportingComponent",
  deprecatedSource: "source",
  deprecatedFirstTimestamp: "firstTimestamp",
  deprecatedLastTimestamp: "lastTimestamp",
  deprecatedCount: "count",
};
const back = Object.fromEntries(Object.entries(renamed).map(([eventsName, coreName]) => [coreName, eventsName]));

function rename(object: AnyObject, names: Readonly<Record<string, string>>, apiVersion: string): AnyObject {
  const fields = Object.entries(object).map(([field, value]) => [
    Object.hasOwn(names, field) ? names[field] : field,
    value,
  ]);
  return { ...(Object.fromEntries(fields) as AnyObject), apiVersion };
}

/** core/v1 always shows these, also when empty. Source: core/v1 types.go (no omitempty). */
function defaultCoreEvent(object: AnyObject): void {
  object["source"] ??= {};
  object["firstTimestamp"] ??= null;
  object["lastTimestamp"] ??= null;
  object["eventTime"] ??= null;
  object["reportingComponent"] ??= "";
  object["reportingInstance"] ??= "";
}

export const eventsView: View = {
  fromStored: (object) => rename(object, back, "events.k8s.io/v1"),
  toStored(object) {
    const stored = rename(object, renamed, "v1");
    defaultCoreEvent(stored);
    return stored;
  },
};

/** An event lives in the namespace of what it is about; cluster-scoped things report to `default`. */
export function eventErrors(object: AnyObject): FieldError[] {
  const about = object["involvedObject"] as { namespace?: string } | undefined;
  const namespace = about?.namespace ?? "";
  const own = object.metadata.namespace;
  if (namespace === own || (namespace === "" && (own === "default" || own === "kube-system"))) return [];
  return [invalidValue("involvedObject.namespace", namespace, "does not match event.namespace")];
}

export const coreEventRules: KindRules = { defaults: defaultCoreEvent, validate: eventErrors };
export const groupEventRules: KindRules = {
  validate: (next) =>
    eventErrors(eventsView.toStored(next)).map((error) => ({
      ...error,
      path: error.path.replace("involvedObject", "regarding"),
    })),
};
