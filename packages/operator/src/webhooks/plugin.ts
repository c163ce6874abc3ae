// SPDX-License-Identifier: Apache-2.0
// The form of our plugins: rules of @serval/api, asked about one kind. Names are KServe's, since they are part of the
// message that clients see.
import {
  type AnyObject,
  type Finding,
  type KubeObject,
  type ResourceType,
  type ServingConfig,
  type ServingRuntime,
  servingGroup,
} from "@serval/api";
import type { AdmissionPlugin, AdmissionRequest, AdmissionResult } from "@serval/kube";
import { denial } from "./denial.ts";

export interface AdmissionDeps {
  /** The snapshot in force. */
  readonly config: () => ServingConfig;
  /** Every runtime of this kind (and namespace) that is stored. */
  readonly runtimes: (kind: string, namespace: string | undefined) => readonly ServingRuntime[];
  /** Every stored object of a type; none where its CRD is not installed. For rules that are rarely asked. */
  readonly list: <T extends KubeObject>(type: ResourceType<T>, namespace?: string) => Promise<readonly T[]>;
  /** Where presets and the ConfigMap are. */
  readonly systemNamespace: string;
}

/** One write of an object of a known kind. On DELETE `next` is what goes. */
export interface Write<T extends KubeObject> {
  readonly next: T;
  readonly previous: T | undefined;
  readonly request: AdmissionRequest;
}

export const cast = <T>(object: AnyObject | undefined): T => object as unknown as T;

/** The object itself, never its status. */
const isObject = ({ subresource }: Pick<AdmissionRequest, "subresource">): boolean =>
  subresource === undefined || subresource === "";

const isOf = (type: ResourceType, resource: ResourceType): boolean =>
  resource.group === servingGroup && resource.plural === type.plural;

/** Fills in what is absent, on CREATE and UPDATE. */
export const mutation = <T extends KubeObject>(
  name: string,
  type: ResourceType<T>,
  complete: (write: Write<T>) => T | Promise<T>,
): AdmissionPlugin => ({
  name,
  phase: "mutate",
  handles: (request) => isObject(request) && request.operation !== "DELETE" && isOf(type, request.resource),
  admit: async (request) => {
    const { object, oldObject } = request;
    const previous = oldObject === undefined ? undefined : cast<T>(oldObject);
    return { object: cast<AnyObject>((await complete({ next: cast<T>(object), previous, request })) as never) };
  },
});

export interface Verdict {
  readonly findings?: readonly Finding[];
  readonly warnings?: readonly string[];
}

/** Judges, on CREATE and UPDATE. What is being deleted only loses its finalizers: refusing that would keep it for ever. */
export const validation = <T extends KubeObject>(
  name: string,
  type: ResourceType<T>,
  judge: (write: Write<T>) => Verdict | Promise<Verdict>,
  deny: (findings: readonly Finding[], object: T) => AdmissionResult = denial,
): AdmissionPlugin => ({
  name,
  phase: "validate",
  handles: (request) => isObject(request) && request.operation !== "DELETE" && isOf(type, request.resource),
  admit: async (request) => {
    const next = cast<T>(request.object);
    if (next.metadata.deletionTimestamp !== undefined) return {};
    const previous = request.oldObject === undefined ? undefined : cast<T>(request.oldObject);
    const { findings = [], warnings = [] } = await judge({ next, previous, request });
    return { ...deny(findings, next), warnings };
  },
});

/** Judges whether an object may be deleted. */
export const deletion = <T extends KubeObject>(
  name: string,
  type: ResourceType<T>,
  judge: (going: T) => Verdict | Promise<Verdict>,
): AdmissionPlugin => ({
  name,
  phase: "validate",
  handles: (request) => isObject(request) && request.operation === "DELETE" && isOf(type, request.resource),
  admit: async ({ oldObject }) => {
    if (oldObject === undefined) return {};
    const { findings = [], warnings = [] } = await judge(cast<T>(oldObject));
    return { ...denial(findings), warnings };
  },
});

/** For kinds that are kept and judged, but of which nothing is made yet. */
export const noController = (kind: string): string =>
  `this release has no controller for ${kind}: the object is stored, and nothing is made of it`;

const text = ({ path, message }: Finding): string => `${path}\0${message}`;

/** Without what the stored object has too: whoever edits a label is not asked to repair the spec first. */
export function onlyNew(findings: readonly Finding[], old: readonly Finding[]): Finding[] {
  const known = new Set(old.map(text));
  return findings.filter((finding) => !known.has(text(finding)));
}
