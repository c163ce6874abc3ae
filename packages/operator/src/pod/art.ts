// SPDX-License-Identifier: Apache-2.0
// The built-in explainer: an adversarial robustness server that asks the predictor. Source: KServe explainer_art.go, which
// appends the user's arguments twice; here they come once.
import { type Container, containerNames, type ExplainerSpec, modelMountPath, type ServingConfig } from "@serval/api";

export interface ArtInput {
  readonly art: NonNullable<ExplainerSpec["art"]>;
  readonly config: ServingConfig;
  readonly modelName: string;
  /** Service name and namespace of the predictor. */
  readonly predictorHost: string;
  readonly workers: number | undefined;
}

export function artContainer({ art, config, modelName, predictorHost, workers }: ArtInput): Container {
  const { type, storageUri, runtimeVersion, config: settings, storage: _storage, args = [], ...own } = art;
  const { image, defaultImageVersion } = config.explainers.art;
  const flag = (name: string, value: string | undefined): string[] =>
    value === undefined || args.some((arg) => arg.startsWith(name)) ? [] : [name, value];
  const container = own as Partial<Container>;
  return {
    ...container,
    name: containerNames.model,
    image: container.image || `${image}:${runtimeVersion || defaultImageVersion}`,
    args: [
      ...["--model_name", modelName],
      ...["--http_port", "8080"],
      ...flag("--predictor_host", predictorHost),
      ...flag("--workers", workers === undefined ? undefined : `${workers}`),
      ...(storageUri === undefined || storageUri === "" ? [] : ["--storage_uri", modelMountPath]),
      ...["--adversary_type", type ?? ""],
      ...Object.entries(settings ?? {})
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .flatMap(([key, value]) => [`--${key}`, value]),
      ...args,
    ],
  };
}
