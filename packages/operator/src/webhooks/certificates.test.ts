// SPDX-License-Identifier: Apache-2.0
// Rotation over years of a made-up clock, with real certificates: at no step is there a caller that fails.
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { describe, it } from "node:test";
import { createIssuer } from "@serval/kube/pki/issue.ts";
import {
  type CertificatePolicy,
  type CertificateState,
  type CertificateStep,
  certificatesOf,
  defaultPolicy,
  nextStep,
  takeStep,
} from "./certificates.ts";

const policy: CertificatePolicy = { ...defaultPolicy, names: ["webhooks.kserve.svc"], addresses: ["127.0.0.1"] };
const dayMs = 24 * 3600 * 1000;
const start = new Date("2026-01-01T00:00:00Z");
const after = (ms: number): Date => new Date(start.getTime() + ms);

const issuerAt = (now: Date, { names, addresses }: CertificatePolicy = policy) => ({
  authority: async () => {
    const { cert, key } = await (await createIssuer(now)).authority(policy.authorityMs / dayMs);
    return { cert: certificatesOf(cert)[0] ?? "", key };
  },
  serving: async (signer: { cert: string; key: string }) =>
    (await createIssuer(now)).leaf({
      commonName: "webhooks",
      names,
      addresses,
      usage: "server",
      days: policy.servingMs / dayMs,
      ca: signer.cert,
      caKey: signer.key,
    }),
});

const advanced = async (state: CertificateState | undefined, step: CertificateStep, now: Date) =>
  (await takeStep(state, step, { issuer: issuerAt(now), now })) as CertificateState;

const isTrusted = ({ serving }: CertificateState, bundle: readonly string[]): boolean =>
  bundle.some((authority) => new X509Certificate(serving.cert).verify(new X509Certificate(authority).publicKey));

describe("nextStep()", () => {
  it("issues what is missing, unreadable, expired or not of the bundle", async () => {
    assert.equal(nextStep(undefined, policy, start), "issue");
    const state = await advanced(undefined, "issue", start);
    assert.equal(nextStep(state, policy, start), "none");
    const broken: readonly [Partial<CertificateState>, Date, CertificateStep][] = [
      [{ signer: { cert: "nonsense", key: "" } }, start, "issue"],
      [{ bundle: [] }, start, "issue"],
      [{}, after(policy.authorityMs + dayMs), "issue"],
      [{ serving: { cert: "nonsense", key: "" } }, start, "renew"],
      [{ serving: (await advanced(undefined, "issue", start)).serving }, start, "renew"],
    ];
    for (const [change, now, step] of broken) assert.equal(nextStep({ ...state, ...change }, policy, now), step);
  });

  it("renews for other names", async () => {
    const state = await advanced(undefined, "issue", start);
    for (const change of [{ names: ["other.example"] }, { addresses: ["10.0.0.1"] }])
      assert.equal(nextStep(state, { ...policy, ...change }, start), "renew");
  });

  it("replaces certificates for five years; who trusts the bundle of the step before never fails", async () => {
    let state = await advanced(undefined, "issue", start);
    const steps: CertificateStep[] = [];
    const tickMs = policy.overlapMs / 2;
    for (let ms = 0; ms < 5 * 365 * dayMs; ) {
      const now = after(ms);
      const step = nextStep(state, policy, now);
      assert.notEqual(step, "issue", now.toISOString());
      const trusted = state.bundle;
      if (step !== "none") {
        steps.push(step);
        state = await advanced(state, step, now);
      }
      assert.ok(isTrusted(state, trusted), `${step} at ${now.toISOString()}`);
      assert.ok(Date.parse(new X509Certificate(state.serving.cert).validTo) > now.getTime());
      // Fine steps only in the middle of a replacement.
      ms += state.bundle.length > 1 ? tickMs : dayMs;
    }
    const replacement = steps.filter((step) => step !== "renew");
    assert.deepEqual(replacement.slice(0, 3), ["introduce", "switch", "drop"]);
    assert.ok(steps.filter((step) => step === "renew").length > 20);
  });

  it("leaves callers the overlap between two steps", async () => {
    const issued = await advanced(undefined, "issue", start);
    const later = after(policy.authorityMs * 0.7);
    const renewed = await advanced(issued, "renew", later);
    assert.equal(nextStep(renewed, policy, later), "introduce");
    const introduced = await advanced(renewed, "introduce", later);
    const at = (part: number): Date => new Date(later.getTime() + policy.overlapMs * part);
    assert.equal(nextStep(introduced, policy, at(0.9)), "none");
    assert.equal(nextStep(introduced, policy, at(1)), "switch");
    const switched = await advanced(introduced, "switch", at(1));
    assert.equal(nextStep(switched, policy, at(1.9)), "none");
    assert.equal(nextStep(switched, policy, at(2)), "drop");
  });
});
