// SPDX-License-Identifier: Apache-2.0
// Issues certificates with @peculiar/x509 on WebCrypto (Node itself cannot). Imported only when one must be issued.
import "reflect-metadata";
import { createPrivateKey, randomBytes, webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";

export interface Issued {
  readonly cert: string;
  readonly key: string;
}

export interface LeafInput {
  readonly commonName: string;
  readonly organization?: string;
  readonly addresses?: readonly string[];
  readonly names?: readonly string[];
  readonly usage: "server" | "client";
  readonly days: number;
  readonly ca: string;
  readonly caKey: string;
}

export interface Issuer {
  authority(days: number): Promise<Issued>;
  leaf(input: LeafInput): Promise<Issued>;
}

const keyAlgorithm = { name: "ECDSA", namedCurve: "P-256" } as const;
const signing = { name: "ECDSA", hash: "SHA-256" } as const;
const dayMs = 24 * 3600 * 1000;
/** Against clocks that are set back a little. */
const backdateMs = 3600 * 1000;
const serverAuth = "1.3.6.1.5.5.7.3.1";
const clientAuth = "1.3.6.1.5.5.7.3.2";

const newKeys = (): Promise<CryptoKeyPair> =>
  webcrypto.subtle.generateKey(keyAlgorithm, true, ["sign", "verify"]) as Promise<CryptoKeyPair>;

async function pemOf(key: CryptoKey): Promise<string> {
  const pkcs8 = await webcrypto.subtle.exportKey("pkcs8", key);
  return createPrivateKey({ key: Buffer.from(pkcs8), format: "der", type: "pkcs8" })
    .export({ format: "pem", type: "pkcs8" })
    .toString();
}

function importKey(pem: string): Promise<CryptoKey> {
  const pkcs8 = createPrivateKey(pem).export({ format: "der", type: "pkcs8" });
  return webcrypto.subtle.importKey("pkcs8", pkcs8, keyAlgorithm, false, ["sign"]) as Promise<CryptoKey>;
}

/** Positive, as RFC 5280 4.1.2.2 wants it. */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] as number) & 0x7f) | 0x40;
  return bytes.toString("hex");
}

const nameOf = (commonName: string, organization?: string): x509.JsonName => [
  ...(organization === undefined ? [] : [{ O: [organization] }]),
  { CN: [commonName] },
];

export async function createIssuer(now: Date): Promise<Issuer> {
  x509.cryptoProvider.set(webcrypto as unknown as Crypto);
  const validity = (days: number) => ({
    notBefore: new Date(now.getTime() - backdateMs),
    notAfter: new Date(now.getTime() + days * dayMs),
  });
  return {
    async authority(days) {
      const keys = await newKeys();
      const certificate = await x509.X509CertificateGenerator.createSelfSigned({
        serialNumber: serialNumber(),
        name: nameOf("serval-ca"),
        ...validity(days),
        signingAlgorithm: signing,
        keys,
        extensions: [
          new x509.BasicConstraintsExtension(true, 0, true),
          new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
          await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
        ],
      });
      return { cert: `${certificate.toString("pem")}\n`, key: await pemOf(keys.privateKey) };
    },
    async leaf({ commonName, organization, addresses = [], names = [], usage, days, ca, caKey }) {
      const keys = await newKeys();
      const issuer = new x509.X509Certificate(ca);
      const alternatives = [
        ...addresses.map((value) => ({ type: "ip" as const, value })),
        ...names.map((value) => ({ type: "dns" as const, value })),
      ];
      const certificate = await x509.X509CertificateGenerator.create({
        serialNumber: serialNumber(),
        subject: nameOf(commonName, organization),
        issuer: issuer.subjectName,
        ...validity(days),
        signingAlgorithm: signing,
        publicKey: keys.publicKey,
        signingKey: await importKey(caKey),
        extensions: [
          new x509.BasicConstraintsExtension(false, undefined, true),
          new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
          new x509.ExtendedKeyUsageExtension([usage === "server" ? serverAuth : clientAuth]),
          await x509.AuthorityKeyIdentifierExtension.create(issuer),
          ...(alternatives.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(alternatives)]),
        ],
      });
      return { cert: `${certificate.toString("pem")}\n`, key: await pemOf(keys.privateKey) };
    },
  };
}
