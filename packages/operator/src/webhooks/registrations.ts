// SPDX-License-Identifier: Apache-2.0
// Which webhooks an API server is told of: names, paths and rules are KServe's, so that whoever adopts Serval finds the
// same objects, and further kinds follow the same pattern. Pure. Source: KServe config/webhook/manifests.yaml.
import {
  type AnyObject,
  apiVersionOf,
  convertedPlurals,
  type KubeObject,
  labels,
  type OwnerReference,
  type ResourceType,
  servingGroup,
} from "@serval/api";
import type { AdmissionPlugin } from "@serval/kube";

/** Of the Service in front of the operators, and of the Secret with their certificate. */
export const webhookServiceName = "serval-webhooks";
export const webhookSecretName = "serval-webhooks-cert";

/** Where API servers reach the webhooks: a Service of the cluster, or a URL outside it. */
export type WebhookTarget =
  | { readonly service: { readonly name: string; readonly namespace: string } }
  | { readonly url: string };

export interface WebhookEntry {
  /** Of the configuration object, without the group. */
  readonly configuration: string;
  /** As refusals quote it. */
  readonly name: string;
  readonly phase: AdmissionPlugin["phase"];
  readonly path: string;
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly operations: readonly string[];
  /** The version is meant exactly: the other one has an entry of its own. */
  readonly isExact?: boolean;
  /** Fields of pods' webhook only. */
  readonly selectors?: Readonly<Record<string, unknown>>;
}

const prefix = "kserve-webhook-server";
const write = ["CREATE", "UPDATE"];
const writeAndDelete = [...write, "DELETE"];

interface Served {
  readonly plural: string;
  readonly version?: string;
  readonly operations?: readonly string[];
  readonly isExact?: boolean;
}

function entryOf(phase: AdmissionPlugin["phase"], served: Served): WebhookEntry {
  const { plural, version = "v1alpha1", operations = write, isExact = false } = served;
  const singular = plural.slice(0, -1);
  const verb = phase === "mutate" ? "mutate" : "validate";
  const role = phase === "mutate" ? "defaulter" : "validator";
  return {
    configuration: singular,
    name: isExact ? `${singular}.${prefix}.${version}.${role}` : `${singular}.${prefix}.${role}`,
    phase,
    path: `/${verb}-serving-kserve-io-${version}-${singular}`,
    group: servingGroup,
    version,
    plural,
    operations,
    isExact,
  };
}

/**
 * Only pods that KServe's controller made wait for the webhook: our own templates are complete, and must start while no
 * operator runs. API servers before 1.28 ignore the condition, and such pods pass unchanged.
 */
const podMutator: WebhookEntry = {
  configuration: "inferenceservice",
  name: `inferenceservice.${prefix}.pod-mutator`,
  phase: "mutate",
  path: "/mutate-pods",
  group: "",
  version: "v1",
  plural: "pods",
  operations: ["CREATE"],
  selectors: {
    reinvocationPolicy: "IfNeeded",
    namespaceSelector: { matchExpressions: [{ key: "control-plane", operator: "DoesNotExist" }] },
    objectSelector: { matchExpressions: [{ key: labels.inferenceService, operator: "Exists" }] },
    matchConditions: [
      {
        name: "made-by-kserve",
        expression:
          "has(object.metadata.annotations) && object.metadata.annotations.exists(name, name.startsWith('internal.serving.kserve.io/'))",
      },
    ],
  },
};

const llmVersions = ["v1alpha1", "v1alpha2"];
const perVersion = (served: Served): Served[] => llmVersions.map((version) => ({ ...served, version, isExact: true }));

const mutated: readonly Served[] = [
  { plural: "inferenceservices", version: "v1beta1" },
  { plural: "servingruntimes" },
  { plural: "clusterservingruntimes" },
  ...perVersion({ plural: "llminferenceservices" }),
];

const validated: readonly Served[] = [
  { plural: "inferenceservices", version: "v1beta1" },
  { plural: "trainedmodels" },
  { plural: "inferencegraphs" },
  { plural: "clusterservingruntimes" },
  { plural: "servingruntimes" },
  { plural: "clusterstoragecontainers" },
  { plural: "localmodelcaches", operations: writeAndDelete },
  { plural: "localmodelnamespacecaches", operations: writeAndDelete },
  ...perVersion({ plural: "llminferenceservices" }),
  ...perVersion({ plural: "llminferenceserviceconfigs", operations: writeAndDelete }),
];

/** Every webhook, in the order of the manifests. A new kind: one line above. */
export const webhookEntries: readonly WebhookEntry[] = [
  ...mutated.map((served) => entryOf("mutate", served)),
  podMutator,
  ...validated.map((served) => entryOf("validate", served)),
];

const configurationType = (kind: string): ResourceType => ({
  group: "admissionregistration.k8s.io",
  version: "v1",
  kind,
  plural: `${kind.toLowerCase()}s`,
  namespaced: false,
});
export const mutatingWebhookConfigurations = configurationType("MutatingWebhookConfiguration");
export const validatingWebhookConfigurations = configurationType("ValidatingWebhookConfiguration");

/** Every configuration that is written, by type and name. */
export const registeredConfigurations: readonly { readonly type: ResourceType; readonly name: string }[] = (
  ["mutate", "validate"] as const
).flatMap((phase) => {
  const type = phase === "mutate" ? mutatingWebhookConfigurations : validatingWebhookConfigurations;
  const names = webhookEntries.filter((entry) => entry.phase === phase).map(({ configuration }) => configuration);
  return [...new Set(names)].map((name) => ({ type, name: `${name}.${servingGroup}` }));
});

/** Kinds that a webhook converts. */
export const convertedCrdNames: readonly string[] = convertedPlurals.map((plural) => `${plural}.${servingGroup}`);

const base64 = (text: string): string => Buffer.from(text).toString("base64");

/** How API servers call one path: `clientConfig` of a webhook or of a CRD's conversion. */
export const clientConfigOf = (target: WebhookTarget, path: string, caBundle: string): Record<string, unknown> => ({
  ...("url" in target
    ? { url: `${target.url.replace(/\/$/, "")}${path}` }
    : { service: { ...target.service, path, port: 443 } }),
  caBundle: base64(caBundle),
});

export interface WebhookConfigurationOptions {
  readonly target: WebhookTarget;
  /** PEM of the authorities that signed, or will sign, the serving certificate. */
  readonly caBundle: string;
  /** The configurations go with it. */
  readonly owner?: OwnerReference;
}

function webhookOf(entry: WebhookEntry, { target, caBundle }: WebhookConfigurationOptions): Record<string, unknown> {
  const { name, path, group, version, plural, operations, isExact = false, selectors = {} } = entry;
  return {
    name,
    clientConfig: clientConfigOf(target, path, caBundle),
    failurePolicy: "Fail",
    sideEffects: "None",
    admissionReviewVersions: ["v1", "v1beta1"],
    matchPolicy: isExact ? "Exact" : "Equivalent",
    timeoutSeconds: 10,
    rules: [{ apiGroups: [group], apiVersions: [version], operations, resources: [plural] }],
    ...selectors,
  };
}

/** The registrations of all webhooks: one object per kind and phase. */
export function webhookConfigurations(options: WebhookConfigurationOptions): AnyObject[] {
  const types = { mutate: mutatingWebhookConfigurations, validate: validatingWebhookConfigurations } as const;
  const objects = new Map<string, AnyObject & { readonly webhooks: Record<string, unknown>[] }>();
  for (const entry of webhookEntries) {
    const type = types[entry.phase];
    const name = `${entry.configuration}.${servingGroup}`;
    const known = objects.get(`${type.kind}/${name}`);
    const metadata = { name, ...(options.owner === undefined ? {} : { ownerReferences: [options.owner] }) };
    const object = known ?? {
      apiVersion: apiVersionOf(type),
      kind: type.kind,
      metadata,
      webhooks: [] as Record<string, unknown>[],
    };
    object.webhooks.push(webhookOf(entry, options));
    objects.set(`${type.kind}/${name}`, object);
  }
  return [...objects.values()];
}

/** The part of a CRD that says who converts its versions; for kinds with one version there is none. */
export const crdConversion = (
  crdName: string,
  { target, caBundle }: WebhookConfigurationOptions,
): KubeObject & { readonly spec: unknown } => ({
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: crdName },
  spec: {
    conversion: {
      strategy: "Webhook",
      webhook: { clientConfig: clientConfigOf(target, "/convert", caBundle), conversionReviewVersions: ["v1"] },
    },
  },
});
