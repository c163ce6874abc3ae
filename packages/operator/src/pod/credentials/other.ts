// SPDX-License-Identifier: Apache-2.0
// Credentials of the stores besides S3. Source: KServe pkg/credentials/{gcs,azure,https,hdfs,hf,modelscope}.
import type { EnvVar } from "@serval/api";
import { secretEnv, textEnv } from "../parts.ts";
import type { Credential, SecretView } from "./credential.ts";

const gcsFolder = "/var/secrets/";
const secretName = ({ secret }: SecretView): string => secret.metadata.name ?? "";
const gcsFile = ({ config }: SecretView): string =>
  config.credentials.gcs.gcsCredentialFileName || "gcloud-application-credentials.json";

export const gcs: Credential = {
  fits: (view) => view.has(gcsFile(view)),
  env: (view) => [textEnv("GOOGLE_APPLICATION_CREDENTIALS", `${gcsFolder}${gcsFile(view)}`)],
  volume: (view) => ({
    volume: { name: "user-gcp-sa", secret: { secretName: secretName(view) } },
    mount: { name: "user-gcp-sa", mountPath: gcsFolder, readOnly: true },
  }),
};

/** Variable, and the older name of its entry. The tenant is always referred to (KServe). */
const azureKeys: readonly (readonly [string, string?])[] = [
  ["AZURE_SUBSCRIPTION_ID", "AZ_SUBSCRIPTION_ID"],
  ["AZURE_TENANT_ID", "AZ_TENANT_ID"],
  ["AZURE_CLIENT_ID", "AZ_CLIENT_ID"],
  ["AZURE_CLIENT_SECRET", "AZ_CLIENT_SECRET"],
  ["AZURE_STORAGE_ACCESS_KEY"],
  ["AZURE_ACCESS_TOKEN"],
  ["AZURE_ACCESS_EXPIRES_ON_SECONDS"],
  ["AZURE_ACCOUNT_NAME"],
  ["AZURE_SERVICE_URL"],
];

function azureEnv(view: SecretView): EnvVar[] {
  return azureKeys.flatMap(([variable, legacy]): EnvVar[] => {
    const key = legacy !== undefined && view.has(legacy) ? legacy : variable;
    if (view.has(key)) return [secretEnv(variable, secretName(view), key)];
    if (variable !== "AZURE_TENANT_ID") return [];
    // KServe's reference makes the pod unable to start when the entry is missing; an optional one does not.
    return [{ name: variable, valueFrom: { secretKeyRef: { name: secretName(view), key: variable, optional: true } } }];
  });
}

export const azure: Credential = {
  fits: ({ has }) => ["AZ_CLIENT_ID", "AZURE_CLIENT_ID", "AZURE_ACCESS_TOKEN"].some(has),
  env: azureEnv,
};

/** One entry that becomes the variable of the same name. */
const single = (variable: string): Credential => ({
  fits: ({ has }) => has(variable),
  env: (view) => [secretEnv(variable, secretName(view))],
});

export const azureKey = single("AZURE_STORAGE_ACCESS_KEY");
export const huggingFace = single("HF_TOKEN");
export const modelScope = single("MODELSCOPE_API_TOKEN");

/** KServe writes the header text into the pod, where everyone who may see pods reads it; ours refers to the secret. */
export const httpsHeaders: Credential = {
  fits: ({ has }) => has("https-host"),
  env: (view) =>
    view.has("headers") ? [secretEnv(`${view.text("https-host")?.trim()}-headers`, secretName(view), "headers")] : [],
};

export const hdfs: Credential = {
  fits: ({ has }) => has("HDFS_NAMENODE"),
  volume: (view) => ({
    volume: { name: "hdfs-secrets", secret: { secretName: secretName(view) } },
    mount: { name: "hdfs-secrets", mountPath: "/var/secrets/kserve-hdfscreds", readOnly: true },
  }),
};
