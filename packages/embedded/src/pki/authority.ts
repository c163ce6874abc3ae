// SPDX-License-Identifier: Apache-2.0
// Reads the home's certificates, and issues those that are missing, unreadable or near their end. The certificate
// library is loaded only then.
import { randomBytes, X509Certificate } from "node:crypto";
import { join } from "node:path";
import type { Issued, Issuer } from "@serval/kube/pki/issue.ts";
import { readIfPresent, writePrivateFile } from "./private-file.ts";

/** PEM texts. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

export interface Pki {
  /** The authority that clients trust. Its key stays in its file. */
  readonly ca: { readonly cert: string };
  readonly serving: KeyPair;
  /** Organization system:masters, common name system:admin. */
  readonly admin: KeyPair;
  /** Bearer token of the same administrator. */
  readonly token: string;
}

export interface PkiOptions {
  readonly now?: () => Date;
}

const dayMs = 24 * 3600 * 1000;
const authorityDays = 3650;
const leafDays = 365;
/** Renewed when less than this is left: a home that is started once a month never meets an expired certificate. */
const renewDays = 60;

async function readPair(dir: string, name: string): Promise<KeyPair | undefined> {
  const [cert, key] = await Promise.all([
    readIfPresent(join(dir, `${name}.crt`)),
    readIfPresent(join(dir, `${name}.key`)),
  ]);
  return cert === undefined || key === undefined ? undefined : { cert, key };
}

/** @param issuer PEM that must have signed it. */
function isUsable({ cert }: KeyPair, now: Date, issuer?: string): boolean {
  try {
    const parsed = new X509Certificate(cert);
    const leftMs = Date.parse(parsed.validTo) - now.getTime();
    if (leftMs < renewDays * dayMs || Date.parse(parsed.validFrom) > now.getTime()) return false;
    return issuer === undefined || parsed.verify(new X509Certificate(issuer).publicKey);
  } catch {
    // Unreadable is as good as missing: it is issued anew.
    return false;
  }
}

async function writePair(dir: string, name: string, pair: KeyPair): Promise<KeyPair> {
  await writePrivateFile(join(dir, `${name}.key`), pair.key);
  await writePrivateFile(join(dir, `${name}.crt`), pair.cert);
  return { cert: pair.cert, key: pair.key };
}

async function readToken(dir: string): Promise<string> {
  const path = join(dir, "token");
  const known = (await readIfPresent(path))?.trim();
  if (known !== undefined && known.length >= 32) return known;
  const token = randomBytes(32).toString("base64url");
  await writePrivateFile(path, `${token}\n`);
  return token;
}

interface Subject {
  readonly commonName: string;
  readonly organization?: string;
  readonly addresses?: readonly string[];
  readonly names?: readonly string[];
  readonly usage: "server" | "client";
}

const servingSubject: Subject = {
  commonName: "serval-apiserver",
  addresses: ["127.0.0.1", "::1"],
  names: ["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"],
  usage: "server",
};
const adminSubject: Subject = { commonName: "system:admin", organization: "system:masters", usage: "client" };

/** The directory's certificates and token, complete and valid for at least `renewDays`. */
export async function loadPki(dir: string, { now = () => new Date() }: PkiOptions = {}): Promise<Pki> {
  const time = now();
  const token = await readToken(dir);
  let authority = await readPair(dir, "ca");
  let issuer: Issuer | undefined;
  const open = async (): Promise<Issuer> =>
    (issuer ??= await (await import("@serval/kube/pki/issue.ts")).createIssuer(time));
  if (authority === undefined || !isUsable(authority, time)) {
    authority = await writePair(dir, "ca", await (await open()).authority(authorityDays));
  }
  const { cert: ca, key: caKey } = authority;
  const leaf = async (name: string, subject: Subject): Promise<KeyPair> => {
    const known = await readPair(dir, name);
    if (known !== undefined && isUsable(known, time, ca)) return known;
    const issued: Issued = await (await open()).leaf({ ...subject, days: leafDays, ca, caKey });
    return writePair(dir, name, issued);
  };
  return {
    ca: { cert: ca },
    serving: await leaf("server", servingSubject),
    admin: await leaf("admin", adminSubject),
    token,
  };
}
