// SPDX-License-Identifier: Apache-2.0
// Which secrets the pods of a service depend on: only those are ever read. Pure.
import {
  type ComponentSpec,
  type InferenceService,
  type Role,
  roles,
  type ServiceAccount,
  type ServingConfig,
  storageUriOf,
} from "@serval/api";
import { annotatedSecret } from "./credentials/index.ts";
import { storageOf } from "./credentials/storage-spec.ts";
import { ociModeOf } from "./oci/scheme.ts";

type AccountOf = (name: string) => ServiceAccount | undefined;

interface Known {
  readonly isvc: InferenceService;
  readonly config: ServingConfig;
  readonly accountOf: AccountOf;
}

interface Part {
  readonly role: Role;
  readonly component: ComponentSpec;
}

/** Canaries have pods of their own. */
const partsOf = ({ spec }: InferenceService): Part[] => [
  ...roles.flatMap((role) => {
    const component = spec[role];
    return component === undefined ? [] : [{ role, component }];
  }),
  ...(spec.canary ?? []).map(({ predictor }) => ({ role: "predictor" as const, component: predictor })),
];

/** A claim is mounted, an image is pulled by the kubelet: neither needs credentials in the pod. */
const isDownloaded = (uri: string, config: ServingConfig): boolean =>
  uri !== "" && !uri.startsWith("pvc://") && ociModeOf(uri, config) === undefined;

/** An agent has the credentials of its pod too; a model without storage may get one that pulls. */
function usesAccount({ role, component }: Part, config: ServingConfig): boolean {
  const uris = [storageUriOf(role, component) ?? "", ...(component.storageUris ?? []).map(({ uri }) => uri)];
  const isPlain = uris.every((uri) => uri === "");
  return (
    component.logger !== undefined ||
    component.batcher !== undefined ||
    (role === "predictor" && isPlain) ||
    uris.some((uri) => isDownloaded(uri, config))
  );
}

const listedBy = (account: ServiceAccount | undefined): string[] =>
  (account?.secrets ?? []).flatMap(({ name }) => (name === undefined || name === "" ? [] : [name]));

function secretsOf(part: Part, { isvc, config, accountOf }: Known): string[] {
  const { role, component } = part;
  const named = annotatedSecret(isvc, component, config);
  const names: string[] = [];
  if (storageOf(role, component) !== undefined)
    names.push(named ?? (config.credentials.storageSpecSecretName || "storage-config"));
  if (!usesAccount(part, config)) return names;
  const accounts = [component.serviceAccountName || "default"];
  if (component.logger !== undefined) {
    const storage = component.logger.storage ?? isvc.spec.predictor.logger?.storage ?? config.logger.storage;
    if (storage !== undefined) accounts.push(storage.serviceAccountName || "logger-sa");
  }
  for (const account of accounts) {
    const found = accountOf(account);
    if (found !== undefined) names.push(...(named === undefined ? listedBy(found) : [named]));
  }
  return names;
}

/** Without repeats, in the order of the components. */
export const referencedSecrets = (
  isvc: InferenceService,
  config: ServingConfig,
  accountOf: AccountOf,
): readonly string[] => [...new Set(partsOf(isvc).flatMap((part) => secretsOf(part, { isvc, config, accountOf })))];
