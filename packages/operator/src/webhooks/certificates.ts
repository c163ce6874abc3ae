// SPDX-License-Identifier: Apache-2.0
// When the webhooks' certificates change, and how no call fails meanwhile. An authority is replaced in three steps, with
// time for every API server and every replica between them: the new one is trusted beside the old (introduce), then it
// signs the serving certificate (switch), then the old one is trusted no longer (drop). Pure, with a clock.
import { X509Certificate } from "node:crypto";

/** PEM texts. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

export interface CertificateState {
  /** PEM certificates that API servers trust; the signer's is the last. */
  readonly bundle: readonly string[];
  readonly signer: KeyPair;
  readonly serving: KeyPair;
  /** When the last step was taken. */
  readonly changedAt: Date;
}

export interface CertificatePolicy {
  readonly authorityMs: number;
  readonly servingMs: number;
  /** Between two steps: longer than any API server needs to see a changed registration. */
  readonly overlapMs: number;
  /** Host names and addresses that API servers call. */
  readonly names: readonly string[];
  readonly addresses: readonly string[];
}

/** `issue`: everything anew. `renew`: a serving certificate by the same authority. */
export type CertificateStep = "none" | "issue" | "renew" | "introduce" | "switch" | "drop";

const dayMs = 24 * 3600 * 1000;
export const defaultPolicy = { authorityMs: 3 * 365 * dayMs, servingMs: 90 * dayMs, overlapMs: 10 * 60 * 1000 };

/** The certificates of a PEM text, each as a PEM text. */
export const certificatesOf = (pem: string): string[] =>
  [...pem.matchAll(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g)].map(([text]) => `${text}\n`);

/** undefined: no certificate, or one that is not valid now. */
function valid(pem: string, now: Date): X509Certificate | undefined {
  try {
    const certificate = new X509Certificate(pem);
    const isNow = Date.parse(certificate.validFrom) <= now.getTime() && now.getTime() < Date.parse(certificate.validTo);
    return isNow ? certificate : undefined;
  } catch {
    return undefined;
  }
}

const leftMs = (certificate: X509Certificate, now: Date): number => Date.parse(certificate.validTo) - now.getTime();

function isSignedBy(certificate: X509Certificate, authority: string): boolean {
  try {
    return certificate.verify(new X509Certificate(authority).publicKey);
  } catch {
    return false;
  }
}

const covers = (certificate: X509Certificate, { names, addresses }: CertificatePolicy): boolean =>
  names.every((name) => certificate.checkHost(name) !== undefined) &&
  addresses.every((address) => certificate.checkIP(address) !== undefined);

/** Replaced when less than this part of its life is left. */
const renewalShare = 1 / 3;

/** What is to be done now; one step at a time. */
export function nextStep(state: CertificateState | undefined, policy: CertificatePolicy, now: Date): CertificateStep {
  const signer = state === undefined ? undefined : valid(state.signer.cert, now);
  if (state === undefined || signer === undefined || !state.bundle.includes(state.signer.cert)) return "issue";
  const serving = valid(state.serving.cert, now);
  const isTrusted = serving !== undefined && state.bundle.some((authority) => isSignedBy(serving, authority));
  if (!isTrusted || !covers(serving, policy)) return "renew";
  const isSettled = now.getTime() - state.changedAt.getTime() >= policy.overlapMs;
  if (!isSignedBy(serving, state.signer.cert)) return isSettled ? "switch" : "none";
  if (state.bundle.length > 1) return isSettled ? "drop" : "none";
  if (leftMs(signer, now) < policy.authorityMs * renewalShare) return "introduce";
  return leftMs(serving, now) < policy.servingMs * renewalShare ? "renew" : "none";
}

/** Makes keys and certificates. */
export interface CertificateIssuer {
  authority(): Promise<KeyPair>;
  serving(signer: KeyPair): Promise<KeyPair>;
}

/** The state after a step. */
export async function takeStep(
  state: CertificateState | undefined,
  step: CertificateStep,
  { issuer, now }: { readonly issuer: CertificateIssuer; readonly now: Date },
): Promise<CertificateState | undefined> {
  if (step === "none") return state;
  if (state === undefined || step === "issue") {
    const signer = await issuer.authority();
    return { bundle: [signer.cert], signer, serving: await issuer.serving(signer), changedAt: now };
  }
  if (step === "introduce") {
    const signer = await issuer.authority();
    return { ...state, bundle: [...state.bundle, signer.cert], signer, changedAt: now };
  }
  if (step === "drop") return { ...state, bundle: [state.signer.cert], changedAt: now };
  return { ...state, serving: await issuer.serving(state.signer), changedAt: now };
}
