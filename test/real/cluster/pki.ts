// SPDX-License-Identifier: Apache-2.0
// Certificates of a cluster: one authority, one pair for each component, named as RBAC's built-in roles expect.
import { generateKeyPairSync } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createIssuer, type LeafInput } from "@serval/kube/pki/issue.ts";
import { type Identity, kubeconfigText } from "./config.ts";
import { apiServiceAddress, type Layout, nodeAddress, nodeName } from "./layout.ts";

type Subject = Pick<LeafInput, "commonName" | "organization" | "addresses" | "names" | "usage">;

const subjects = {
  apiserver: {
    commonName: "kube-apiserver",
    addresses: ["127.0.0.1", nodeAddress, apiServiceAddress],
    names: ["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", nodeName],
    usage: "server",
  },
  kubelet: { commonName: nodeName, addresses: [nodeAddress], names: [nodeName], usage: "server" },
  admin: { commonName: "admin", organization: "system:masters", usage: "client" },
  "kubelet-client": { commonName: `system:node:${nodeName}`, organization: "system:nodes", usage: "client" },
  "kube-controller-manager": { commonName: "system:kube-controller-manager", usage: "client" },
  "kube-scheduler": { commonName: "system:kube-scheduler", usage: "client" },
  "kube-proxy": { commonName: "system:kube-proxy", usage: "client" },
  coredns: { commonName: "system:coredns", organization: "system:masters", usage: "client" },
} as const satisfies Record<string, Subject>;

const days = 30;

/** Writes keys, certificates and the kubeconfig of every client. */
export async function writePki({ pki, config, kubeconfig }: Layout): Promise<void> {
  await Promise.all([mkdir(pki, { recursive: true }), mkdir(config, { recursive: true })]);
  const put = (path: string, text: string): Promise<void> => writeFile(path, text, { mode: 0o600 });
  const issuer = await createIssuer(new Date());
  const authority = await issuer.authority(days);
  await put(join(pki, "ca.pem"), authority.cert);
  await put(join(pki, "ca-key.pem"), authority.key);
  for (const [name, subject] of Object.entries(subjects)) {
    const { cert, key } = await issuer.leaf({ ...subject, days, ca: authority.cert, caKey: authority.key });
    await put(join(pki, `${name}.pem`), cert);
    await put(join(pki, `${name}-key.pem`), key);
    if (subject.usage !== "client") continue;
    const identity: Identity = { user: subject.commonName, cert, key, ca: authority.cert };
    await put(name === "admin" ? kubeconfig : join(config, `${name}.kubeconfig`), kubeconfigText(identity));
  }
  const { privateKey, publicKey } = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
    publicKeyEncoding: { type: "spki", format: "pem" },
  });
  await put(join(pki, "accounts-key.pem"), privateKey);
  await put(join(pki, "accounts.pem"), publicKey);
}
