// SPDX-License-Identifier: Apache-2.0
// Settings of S3 clients: an annotation wins, then the secret's own entry, then the ConfigMap.
// Source: KServe pkg/credentials/s3.
import type { EnvVar, ServingConfig } from "@serval/api";
import { secretEnv, textEnv } from "../parts.ts";
import type { Credential } from "./credential.ts";

type S3Config = ServingConfig["credentials"]["s3"];

/** Variable, annotation (behind `serving.kserve.io/s3-`), key of the ConfigMap; in KServe's order. */
const settings: readonly (readonly [string, string, keyof S3Config])[] = [
  ["S3_VERIFY_SSL", "verifyssl", "s3VerifySSL"],
  ["awsAnonymousCredential", "useanoncredential", "s3UseAnonymousCredential"],
  ["AWS_DEFAULT_REGION", "region", "s3Region"],
  // KServe's own spelling, which its initializer reads.
  ["S3_USER_VIRTUAL_BUCKET", "usevirtualbucket", "s3UseVirtualBucket"],
  ["S3_USE_ACCELERATE", "useaccelerate", "s3UseAccelerate"],
  ["AWS_CA_BUNDLE", "cabundle", "s3CABundle"],
  ["AWS_CA_BUNDLE_CONFIGMAP", "cabundle-configmap", "s3CABundleConfigMap"],
];

export interface S3Input {
  readonly annotations: Readonly<Record<string, string>> | undefined;
  /** Texts of the secret; empty for a service account. */
  readonly data: (key: string) => string | undefined;
  readonly config: S3Config;
}

function endpointEnv(endpoint: string, useHttps: string): EnvVar[] {
  const scheme = /^(https?):\/\//.exec(endpoint)?.[1];
  const host = scheme === undefined ? endpoint : endpoint.slice(scheme.length + "://".length);
  const https = scheme === undefined ? useHttps : scheme === "https" ? "1" : "0";
  return [
    ...(https === "" ? [] : [textEnv("S3_USE_HTTPS", https)]),
    textEnv("S3_ENDPOINT", host),
    textEnv("AWS_ENDPOINT_URL", `${https === "0" ? "http" : "https"}://${host}`),
  ];
}

export function s3Settings({ annotations, data, config }: S3Input): EnvVar[] {
  const settingOf = (variable: string, note: string, key: keyof S3Config): string =>
    annotations?.[`serving.kserve.io/s3-${note}`] ?? data(variable) ?? config[key] ?? "";
  const endpoint = settingOf("S3_ENDPOINT", "endpoint", "s3Endpoint");
  const useHttps = settingOf("S3_USE_HTTPS", "usehttps", "s3UseHttps");
  const others = settings.flatMap(([variable, note, key]) => {
    const value = settingOf(variable, note, key);
    return value === "" ? [] : [textEnv(variable, value)];
  });
  return [...(endpoint === "" ? [] : endpointEnv(endpoint, useHttps)), ...others];
}

export const s3: Credential = {
  fits: ({ has, config }) => has(config.credentials.s3.s3SecretAccessKeyName || "awsSecretAccessKey"),
  env: ({ secret, text, config }) => {
    const { s3: settingsOf } = config.credentials;
    const name = secret.metadata.name ?? "";
    return [
      secretEnv("AWS_ACCESS_KEY_ID", name, settingsOf.s3AccessKeyIDName || "awsAccessKeyID"),
      secretEnv("AWS_SECRET_ACCESS_KEY", name, settingsOf.s3SecretAccessKeyName || "awsSecretAccessKey"),
      ...s3Settings({ annotations: secret.metadata.annotations, data: text, config: settingsOf }),
    ];
  },
};
