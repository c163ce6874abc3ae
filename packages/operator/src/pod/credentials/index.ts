// SPDX-License-Identifier: Apache-2.0
// What a pod's service account, or the secret that an annotation names, lets its containers read. A new kind of
// credential is one entry of the list. Source: KServe CreateSecretVolumeAndEnv.
import { type InferenceService, type Secret, ServalError, type ServingConfig } from "@serval/api";
import type { PodContext } from "../context.ts";
import { type Draft, withEnv, withMount, withVolume } from "../parts.ts";
import { type Credential, viewOf } from "./credential.ts";
import { azure, azureKey, gcs, hdfs, httpsHeaders, huggingFace, modelScope } from "./other.ts";
import { s3, s3Settings } from "./s3.ts";

/** The first that fits decides (KServe); a secret that none fits adds nothing. */
const credentials: readonly Credential[] = [s3, gcs, azure, azureKey, httpsHeaders, hdfs, huggingFace, modelScope];

export const irsaAnnotation = "eks.amazonaws.com/role-arn";

/** The secret that the service names for all its downloads; undefined: the service account's count. */
export const annotatedSecret = (
  isvc: InferenceService,
  component: { readonly annotations?: Readonly<Record<string, string>> | undefined },
  config: ServingConfig,
): string | undefined => {
  const name = config.credentials.storageSecretNameAnnotation;
  return component.annotations?.[name] ?? isvc.metadata.annotations?.[name];
};

function withSecret(draft: Draft, secret: Secret, config: ServingConfig): Draft {
  const view = viewOf(secret, config);
  const credential = credentials.find((candidate) => candidate.fits(view));
  if (credential === undefined) return draft;
  const container = withEnv(draft.container, credential.env?.(view) ?? []);
  const mounted = credential.volume?.(view);
  if (mounted === undefined) return { ...draft, container };
  return { container: withMount(container, mounted.mount), volumes: withVolume(draft.volumes, mounted.volume) };
}

function secretNamed(name: string, { facts }: PodContext): Secret {
  const secret = facts.secret(name);
  if (secret !== undefined) return secret;
  throw new ServalError("StorageCredentials", `secrets "${name}" not found`, {
    transient: true,
    fix: `Create the secret ${name}, or remove it from the service account and the annotations`,
  });
}

/** Of one service account. @throws ServalError StorageCredentials when a secret that it lists does not exist. */
export function withAccount(draft: Draft, account: string, context: PodContext): Draft {
  const { facts, config, isvc, component } = context;
  const found = facts.serviceAccount(account);
  const { annotations } = found?.metadata ?? {};
  const env =
    annotations?.[irsaAnnotation] === undefined
      ? []
      : s3Settings({ annotations, data: () => undefined, config: config.credentials.s3 });
  const start: Draft = { ...draft, container: withEnv(draft.container, env) };
  const named = annotatedSecret(isvc, component, config);
  // KServe: without its service account a pod is made with no credentials at all.
  if (named !== undefined && found !== undefined) return withSecret(start, secretNamed(named, context), config);
  const names = (found?.secrets ?? []).flatMap(({ name }) => (name === undefined || name === "" ? [] : [name]));
  return names.reduce((current, name) => withSecret(current, secretNamed(name, context), config), start);
}

/** Of the pod's own service account. */
export const withAccountCredentials = (draft: Draft, context: PodContext): Draft =>
  withAccount(draft, context.component.serviceAccountName || "default", context);
