// SPDX-License-Identifier: Apache-2.0
// One kind of storage credential: how its secret is recognised and what it adds to the container that fetches.
import type { EnvVar, Secret, ServingConfig, Volume, VolumeMount } from "@serval/api";

export interface SecretView {
  readonly secret: Secret;
  readonly config: ServingConfig;
  readonly has: (key: string) => boolean;
  /** The decoded entry; undefined: it has none. */
  readonly text: (key: string) => string | undefined;
}

export interface Credential {
  fits(view: SecretView): boolean;
  env?(view: SecretView): EnvVar[];
  volume?(view: SecretView): { readonly volume: Volume; readonly mount: VolumeMount };
}

export const viewOf = (secret: Secret, config: ServingConfig): SecretView => {
  const text = (key: string): string | undefined => {
    const plain = secret.stringData?.[key];
    const encoded = secret.data?.[key];
    return plain ?? (encoded === undefined ? undefined : Buffer.from(encoded, "base64").toString("utf8"));
  };
  return { secret, config, text, has: (key) => text(key) !== undefined };
};
