// SPDX-License-Identifier: Apache-2.0
// Which Secrets, ConfigMaps and ServiceAccounts an object names, wherever in its spec: a field that Kubernetes or we add
// later is found by the name of the field that holds it. What an administrator provides for everybody by a fixed name
// (the ServiceAccount `default`, the Secret of the ConfigMap's storageSpecSecretName) is not named by the object. Pure.
import { type AnyObject, localModelCaches, namespaceOf, type ServingConfig } from "@serval/api";

export interface Reference {
  readonly kind: "Secret" | "ConfigMap" | "ServiceAccount";
  readonly namespace: string;
  readonly name: string;
  /** `spec.predictor.containers[0].envFrom[0].secretRef.name` */
  readonly path: string;
}

type Json = unknown;
type JsonMap = Readonly<Record<string, Json>>;
type Kind = Reference["kind"];

const isMap = (value: Json): value is JsonMap => typeof value === "object" && value !== null && !Array.isArray(value);

/** Fields whose text is a name. */
const nameFields: Readonly<Record<string, Kind>> = {
  serviceAccountName: "ServiceAccount",
  serviceAccount: "ServiceAccount",
  secretName: "Secret",
};

/** Fields with an object whose `name` is one. Source: k8s.io/api/core/v1/types.go; PersistentVolumes have many. */
const holders: readonly (readonly [RegExp, Kind])[] = [
  [/^(secret|secretKeyRef|.*[sS]ecretRef|imagePullSecrets)$/, "Secret"],
  [/^(configMap|configMapKeyRef|configMapRef)$/, "ConfigMap"],
];

const holderKind = (field: string, path: string): Kind | undefined =>
  // The scheduler of an LLMInferenceService reads a ConfigMap.
  path.endsWith(".scheduler.config.ref") ? "ConfigMap" : holders.find(([pattern]) => pattern.test(field))?.[1];

interface Found extends Omit<Reference, "namespace"> {
  readonly namespace?: string | undefined;
}

const textOf = (value: Json): string | undefined => (typeof value === "string" && value !== "" ? value : undefined);

function ofMap(value: JsonMap, field: string, path: string): Found[] {
  const found: Found[] = [];
  const kind = holderKind(field, path);
  const name = textOf(value["name"]);
  if (kind !== undefined && name !== undefined)
    found.push({ kind, name, path: `${path}.name`, namespace: textOf(value["namespace"]) });
  for (const [key, item] of Object.entries(value)) {
    const named = Object.hasOwn(nameFields, key) ? nameFields[key] : undefined;
    const text = textOf(item);
    if (named !== undefined && text !== undefined) found.push({ kind: named, name: text, path: `${path}.${key}` });
    else found.push(...within(item, key, `${path}.${key}`));
  }
  return found;
}

function within(value: Json, field: string, path: string): Found[] {
  if (Array.isArray(value)) return value.flatMap((item, index) => within(item, field, `${path}[${index}]`));
  return isMap(value) ? ofMap(value, field, path) : [];
}

/** Annotations, of the object and of its components, may name the Secret that downloads use. */
function annotated(object: AnyObject, config: ServingConfig): Found[] {
  const key = config.credentials.storageSecretNameAnnotation;
  const spec: JsonMap = isMap(object["spec"]) ? object["spec"] : {};
  const places: [string, Json][] = [
    ["metadata.annotations", object.metadata.annotations],
    ...Object.entries(spec).map(([role, component]): [string, Json] => [
      `spec.${role}.annotations`,
      isMap(component) ? component["annotations"] : undefined,
    ]),
  ];
  return places.flatMap(([path, notes]) => {
    const name = isMap(notes) ? textOf(notes[key]) : undefined;
    return name === undefined ? [] : [{ kind: "Secret" as const, name, path: `${path}[${key}]` }];
  });
}

/** Downloads of a cluster's cache run where the ConfigMap says. */
const homeOf = (object: AnyObject, config: ServingConfig): string =>
  object.kind === localModelCaches.kind ? config.localModel.jobNamespace : namespaceOf(object);

const keyOf = ({ kind, namespace, name }: Reference): string => `${kind}/${namespace}/${name}`;

/** Without repeats; each with the first place that names it. */
export function referencesOf(object: AnyObject, config: ServingConfig): Reference[] {
  const home = homeOf(object, config);
  const unique = new Map<string, Reference>();
  for (const { namespace = home, ...found } of [
    ...within(object["spec"], "spec", "spec"),
    ...annotated(object, config),
  ]) {
    if (found.kind === "ServiceAccount" && found.name === "default") continue;
    const reference = { ...found, namespace };
    if (!unique.has(keyOf(reference))) unique.set(keyOf(reference), reference);
  }
  return [...unique.values()];
}

/** What `next` names and `previous` did not. */
export function newReferences(next: AnyObject, previous: AnyObject | undefined, config: ServingConfig): Reference[] {
  const known = new Set(previous === undefined ? [] : referencesOf(previous, config).map(keyOf));
  return referencesOf(next, config).filter((reference) => !known.has(keyOf(reference)));
}
