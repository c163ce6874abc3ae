// SPDX-License-Identifier: Apache-2.0
// The kubeconfig of an embedded home: one cluster, one user, one context, all named `serval`, everything inlined.
import { stringify } from "yaml";
import type { Pki } from "./authority.ts";
import { writePrivateFile } from "./private-file.ts";

export interface KubeconfigInput {
  /** `https://127.0.0.1:16443` */
  readonly server: string;
  readonly pki: Pki;
  /** kubectl's namespace when none is given. Default `default`. */
  readonly namespace?: string;
}

const base64 = (text: string): string => Buffer.from(text).toString("base64");

export function kubeconfigOf({ server, pki, namespace = "default" }: KubeconfigInput): string {
  const name = "serval";
  const user = { "client-certificate-data": base64(pki.admin.cert), "client-key-data": base64(pki.admin.key) };
  return stringify(
    {
      apiVersion: "v1",
      kind: "Config",
      "current-context": name,
      clusters: [{ name, cluster: { server, "certificate-authority-data": base64(pki.ca.cert) } }],
      users: [{ name, user }],
      contexts: [{ name, context: { cluster: name, user: name, namespace } }],
      preferences: {},
    },
    { lineWidth: 0 },
  );
}

/** Mode 0600: it holds a key. */
export const writeKubeconfig = (path: string, input: KubeconfigInput): Promise<void> =>
  writePrivateFile(path, kubeconfigOf(input));
