// SPDX-License-Identifier: Apache-2.0
// Keys and certificates of one embedded home: a CA, the API server's certificate, the administrator's certificate and
// token. Files in one directory, readable by the owner only; issued when missing or near their end.
export { type KeyPair, loadPki, type Pki } from "./authority.ts";
export { type KubeconfigInput, kubeconfigOf, writeKubeconfig } from "./kubeconfig.ts";
