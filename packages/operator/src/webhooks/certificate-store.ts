// SPDX-License-Identifier: Apache-2.0
// The Secret that the operators share their serving certificate in. Whoever comes first makes it; the others, and each
// tick, read it and take the step that is due. A Secret of cert-manager's is only read.
import { isIP } from "node:net";
import { resources, type Secret, ServalError } from "@serval/api";
import { type Cluster, isAlreadyExists, isConflict } from "@serval/kube";
import {
  type CertificateIssuer,
  type CertificatePolicy,
  type CertificateState,
  certificatesOf,
  type KeyPair,
  nextStep,
  takeStep,
} from "./certificates.ts";
import { type WebhookTarget, webhookSecretName } from "./registrations.ts";

export interface ServingCertificate extends KeyPair {
  /** PEM of every authority that callers shall trust. */
  readonly caBundle: string;
}

export interface CertificateStoreOptions {
  readonly cluster: Cluster;
  readonly namespace: string;
  readonly policy: CertificatePolicy;
  readonly now: () => Date;
}

const changedAtAnnotation = "serval.dev/certificates-changed";
const entries = { cert: "tls.crt", key: "tls.key", bundle: "ca.crt", signerCert: "signer.crt", signerKey: "ca.key" };
/** Replicas that start together meet in conflicts. */
const attempts = 8;
const dayMs = 24 * 3600 * 1000;

/** The names under which API servers call. */
export function servingNames(target: WebhookTarget): Pick<CertificatePolicy, "names" | "addresses"> {
  if ("url" in target) {
    const host = new URL(target.url).hostname.replace(/^\[|\]$/g, "");
    return isIP(host) === 0 ? { names: [host], addresses: [] } : { names: [], addresses: [host] };
  }
  const { name, namespace } = target.service;
  const short = `${name}.${namespace}`;
  return { names: [`${short}.svc`, short, `${short}.svc.cluster.local`], addresses: [] };
}

const text = ({ data = {} }: Secret, entry: string): string =>
  Buffer.from(data[entry] ?? "", "base64").toString("utf8");

const isManagedElsewhere = ({ metadata }: Secret): boolean =>
  Object.keys(metadata?.annotations ?? {}).some((name) => name.startsWith("cert-manager.io/"));

function stateOf(secret: Secret | undefined): CertificateState | undefined {
  if (secret === undefined) return undefined;
  const signer = { cert: text(secret, entries.signerCert), key: text(secret, entries.signerKey) };
  if (signer.cert === "" || signer.key === "") return undefined;
  return {
    bundle: certificatesOf(text(secret, entries.bundle)),
    signer,
    serving: { cert: text(secret, entries.cert), key: text(secret, entries.key) },
    changedAt: new Date(secret.metadata?.annotations?.[changedAtAnnotation] ?? 0),
  };
}

function secretWith(known: Secret | undefined, namespace: string, state: CertificateState): Secret {
  const base64 = (value: string): string => Buffer.from(value).toString("base64");
  const metadata = known?.metadata;
  return {
    apiVersion: "v1",
    kind: "Secret",
    // A Secret's type never changes.
    type: known?.type ?? "kubernetes.io/tls",
    metadata: {
      ...metadata,
      name: webhookSecretName,
      namespace,
      annotations: { ...metadata?.annotations, [changedAtAnnotation]: state.changedAt.toISOString() },
    },
    data: {
      ...known?.data,
      [entries.cert]: base64(state.serving.cert),
      [entries.key]: base64(state.serving.key),
      [entries.bundle]: base64(state.bundle.join("")),
      [entries.signerCert]: base64(state.signer.cert),
      [entries.signerKey]: base64(state.signer.key),
    },
  };
}

const days = (ms: number): number => ms / dayMs;
const first = (pem: string): string => certificatesOf(pem)[0] ?? pem;

/** The certificate library is loaded only when something must be issued. */
function issuerAt(now: Date, policy: CertificatePolicy): CertificateIssuer {
  const open = async () => (await import("@serval/kube/pki/issue.ts")).createIssuer(now);
  return {
    authority: async () => {
      const { cert, key } = await (await open()).authority(days(policy.authorityMs));
      return { cert: first(cert), key };
    },
    serving: async (signer) => {
      const { names, addresses } = policy;
      const { cert, key } = await (await open()).leaf({
        commonName: names[0] ?? "serval-webhooks",
        names,
        addresses,
        usage: "server",
        days: days(policy.servingMs),
        ca: signer.cert,
        caKey: signer.key,
      });
      return { cert, key };
    },
  };
}

function foreignCertificate(secret: Secret): ServingCertificate {
  const found = { cert: text(secret, entries.cert), key: text(secret, entries.key) };
  const caBundle = text(secret, entries.bundle);
  if (found.cert !== "" && found.key !== "" && caBundle !== "") return { ...found, caBundle };
  throw new ServalError("WebhookCertificate", `Secret ${webhookSecretName} of cert-manager is not complete yet`, {
    transient: true,
    fix: `Look at its Certificate: it must have tls.crt, tls.key and ca.crt; or delete the Secret and the Certificate`,
  });
}

const served = ({ serving, bundle }: CertificateState): ServingCertificate => ({
  ...serving,
  caBundle: bundle.join(""),
});

/** One try: undefined when another replica was faster. */
async function tryOnce(options: CertificateStoreOptions): Promise<ServingCertificate | undefined> {
  const { cluster, namespace, policy, now } = options;
  const secret = await cluster.get(resources.secrets, { namespace, name: webhookSecretName });
  if (secret !== undefined && isManagedElsewhere(secret)) return foreignCertificate(secret);
  const state = stateOf(secret);
  const time = now();
  const step = nextStep(state, policy, time);
  if (step === "none" && state !== undefined) return served(state);
  const next = await takeStep(state, step, { issuer: issuerAt(time, policy), now: time });
  if (next === undefined) return undefined;
  const written = secretWith(secret, namespace, next);
  try {
    if (secret === undefined) await cluster.create(resources.secrets, written);
    else await cluster.update(resources.secrets, written);
    return served(next);
  } catch (error) {
    if (isConflict(error) || isAlreadyExists(error)) return undefined;
    throw error;
  }
}

/**
 * The certificate in force after the step that is due.
 * @throws ApiError; ServalError WebhookCertificate while cert-manager's Secret is not complete.
 */
export async function currentCertificate(options: CertificateStoreOptions): Promise<ServingCertificate> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const found = await tryOnce(options);
    if (found !== undefined) return found;
  }
  throw new ServalError("WebhookCertificate", `Secret ${options.namespace}/${webhookSecretName} changes too often`, {
    transient: true,
    fix: "See who else writes it: kubectl get secret --show-managed-fields",
  });
}
