// SPDX-License-Identifier: Apache-2.0
// The webhooks of one operator: certificate, server, registration, and a check that they are really reached, again and
// again for as long as the operator runs.
import type { ConversionClient } from "@serval/api";
import type { AdmissionPlugin, Cluster } from "@serval/kube";
import type { Logger } from "@serval/observe";
import { currentCertificate, type ServingCertificate, servingNames } from "./certificate-store.ts";
import { type CertificatePolicy, defaultPolicy } from "./certificates.ts";
import { installOwner } from "./owner.ts";
import { register } from "./register.ts";
import { clientConfigOf, type WebhookTarget } from "./registrations.ts";
import { selfCheck } from "./self-check.ts";
import { startWebhookServer } from "./server.ts";

export type WebhookRole = "lead" | "follow" | "standby";

export interface WebhookOptions {
  readonly cluster: Cluster;
  /** From `webhookPlugins`. */
  readonly plugins: readonly AdmissionPlugin[];
  /** Where the Secret with the certificate is: the operator's. */
  readonly namespace: string;
  readonly target: WebhookTarget;
  readonly port: number;
  readonly host?: string;
  readonly signal: AbortSignal;
  readonly log: Logger;
  readonly now?: () => Date;
  /** Lifetimes other than the default's. */
  readonly policy?: Partial<Omit<CertificatePolicy, "names" | "addresses">>;
  /**
   * `lead` registers, `follow` only checks what the leader registered, `standby` leaves another controller's
   * registrations alone and is ready without one. Default `lead`.
   */
  readonly role?: () => WebhookRole;
  /** What this operator has just installed the kinds with; undefined: nothing, or it does not install. */
  readonly installed?: () => ConversionClient | undefined;
  /** How long reviews are still answered after `signal`, while callers are told that we are not ready. Default 0. */
  readonly drainMs?: number;
  /** Default: a minute, or a third of the overlap if that is shorter. */
  readonly tickMs?: number;
}

export interface Webhooks {
  readonly port: number;
  /** undefined: an API server would be answered. */
  notReady(): string | undefined;
  /** Reads the certificate, registers and checks at once, besides the ticks. */
  tick(): Promise<void>;
  /** The same, and registers whatever the role is at this moment. */
  register(): Promise<void>;
  /** Settles after `signal`, when the last review was answered. */
  readonly stopped: Promise<void>;
}

const policyFor = (target: WebhookTarget, policy: WebhookOptions["policy"] = {}): CertificatePolicy => ({
  ...defaultPolicy,
  ...policy,
  ...servingNames(target),
});

const conversionPath = "/convert";

/** How API servers will ask for conversions, before anybody serves them. @throws as `startWebhooks`. */
export async function conversionClient(
  options: Pick<WebhookOptions, "cluster" | "namespace" | "target">,
): Promise<ConversionClient> {
  const { cluster, namespace, target } = options;
  const now = () => new Date();
  const { caBundle } = await currentCertificate({ cluster, namespace, policy: policyFor(target), now });
  return clientConfigOf(target, conversionPath, caBundle) as ConversionClient;
}

/** Soon while something is wrong, so that readiness does not wait for a tick. */
const retryMs = 1_000;

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });
}

/** Edits by hand are taken back every so many ticks; CRDs are too large to be read each time. */
const ticksBetweenLooks = 10;

/** Registers when the bundle changed, when something is wrong, and now and then. */
function createRegistration({ cluster, target, installed }: Pick<WebhookOptions, "cluster" | "target" | "installed">) {
  let known: string | undefined;
  let ticks = 0;
  const ensure = async (caBundle: string, isWell: boolean): Promise<void> => {
    if (isWell && known === caBundle && ++ticks < ticksBetweenLooks) return;
    const owner = await installOwner(cluster);
    const conversion = clientConfigOf(target, conversionPath, caBundle) as ConversionClient;
    const hasConversion = known === undefined && installed?.()?.caBundle === conversion.caBundle;
    await register(cluster, { target, caBundle, hasConversion, ...(owner === undefined ? {} : { owner }) });
    known = caBundle;
    ticks = 0;
  };
  const forget = (): void => {
    known = undefined;
  };
  return { ensure, forget, isDone: () => known !== undefined };
}

/** @throws ApiError when the Secret can neither be read nor made; the listen error as it is. */
export async function startWebhooks(options: WebhookOptions): Promise<Webhooks> {
  const { cluster, namespace, target, signal, log, now = () => new Date() } = options;
  const policy = policyFor(target, options.policy);
  const role = options.role ?? ((): WebhookRole => "lead");
  const certificate = () => currentCertificate({ cluster, namespace, policy, now });
  const registration = createRegistration(options);
  let current: ServingCertificate = await certificate();
  let problem: string | undefined = "the webhooks were not called yet";
  const server = await startWebhookServer({
    plugins: options.plugins,
    certificate: current,
    notReady: () => problem,
    log,
    port: options.port,
    ...(options.host === undefined ? {} : { host: options.host }),
  });
  let told: string | undefined;
  const tell = (why: string | undefined): void => {
    if (why !== undefined && why !== told && !signal.aborted) log.warn({ problem: why }, "The webhooks are not ready");
    told = why;
  };
  const look = async (registers: boolean): Promise<void> => {
    try {
      const next = await certificate();
      if (next.cert !== current.cert) server.setCertificate(next);
      if (next.cert !== current.cert || next.caBundle !== current.caBundle)
        log.info({}, "The webhooks' certificates changed");
      current = next;
      const isStandby = !registers && role() === "standby";
      if (registers) await registration.ensure(current.caBundle, problem === undefined);
      // The other controller writes its own, whenever it likes.
      if (isStandby) registration.forget();
      problem = isStandby ? undefined : await selfCheck({ cluster, target, port: server.port });
    } catch (error) {
      // The API server is away: nobody calls us meanwhile, and when it is back it must not find a Service without pods.
      // But a leader that has not registered yet is called by nobody, however the API server is.
      if (problem !== undefined || (registers && !registration.isDone())) problem = (error as Error).message;
      log.warn({ error }, "Cannot look after the webhooks' certificate and registration");
      return;
    }
    tell(problem);
  };
  let looking: Promise<void> | undefined;
  /** One at a time: who asks meanwhile gets the same answer. */
  const tick = (): Promise<void> =>
    (looking ??= look(role() === "lead").finally(() => {
      looking = undefined;
    }));
  const tickMs = options.tickMs ?? Math.min(60_000, policy.overlapMs / 3);
  const run = async (): Promise<void> => {
    while (!signal.aborted) {
      await tick();
      await pause(problem === undefined ? tickMs : Math.min(retryMs, tickMs), signal);
    }
    problem = "the operator stops";
    server.sendAway();
    await pause(options.drainMs ?? 0, new AbortController().signal);
    await server.close();
  };
  const registerNow = async (): Promise<void> => {
    await looking;
    looking = look(true).finally(() => {
      looking = undefined;
    });
    await looking;
  };
  return { port: server.port, notReady: () => problem, tick, register: registerNow, stopped: run() };
}
