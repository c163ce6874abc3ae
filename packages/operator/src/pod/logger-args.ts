// SPDX-License-Identifier: Apache-2.0
// What the agent is told about logging. Source: KServe agent_injector.go.
import type { ComponentSpec, InferenceService } from "@serval/api";
import type { PodContext } from "./context.ts";

/** Where logged requests are stored, and as whom: KServe takes both from the predictor's logger; ours first from its own. */
export const loggerStorageOf = ({
  component,
  isvc,
  config,
}: PodContext): NonNullable<ComponentSpec["logger"]>["storage"] =>
  component.logger?.storage ??
  (isvc.spec.predictor.logger === undefined ? config.logger.storage : isvc.spec.predictor.logger.storage);

/** Only annotations that the service has; the others are silently absent (KServe). */
const selectedAnnotations = (isvc: InferenceService, names: readonly string[]): string[] =>
  names.flatMap((name) => {
    const value = isvc.metadata.annotations?.[name];
    return value === undefined ? [] : [`${name}=${value}`];
  });

const when = (value: unknown, ...args: string[]): string[] => (value === undefined || value === "" ? [] : args);

/** What the predictor's logger leaves open the ConfigMap says. */
function storageArgs(context: PodContext): string[] {
  const { isvc, config, component } = context;
  const storage = loggerStorageOf(context);
  const own = { ...isvc.spec.predictor.logger, ...component.logger };
  const marshaller = own.marshallerUrl || config.logger.marshallerUrl;
  const size = own.batchSize ?? config.logger.batchSize ?? 0;
  const interval = own.batchInterval || config.logger.batchInterval;
  const format = storage?.parameters?.["format"];
  return [
    ...when(storage?.path, "--log-store-path", storage?.path ?? ""),
    ...when(format, "--log-store-format", format ?? ""),
    ...when(marshaller, "--log-marshaller-url", marshaller ?? ""),
    ...(size > 0 ? ["--log-batch-size", `${size}`] : []),
    ...when(interval, "--log-batch-interval", interval ?? ""),
  ];
}

export function loggerArgs(context: PodContext): string[] {
  const { isvc, role, component, config } = context;
  const { logger } = component;
  if (logger === undefined) return [];
  const notes = selectedAnnotations(isvc, logger.metadataAnnotations ?? []);
  const headers = logger.metadataHeaders ?? [];
  return [
    ...["--log-url", logger.url ?? config.logger.defaultUrl],
    // KServe: empty, since a pod of a ReplicaSet has no name when it is admitted.
    ...["--source-uri", ""],
    ...["--log-mode", logger.mode ?? "all"],
    ...["--inference-service", isvc.metadata.name ?? ""],
    ...["--namespace", isvc.metadata.namespace ?? ""],
    ...["--endpoint", ""],
    ...["--component", role],
    ...storageArgs(context),
    ...(headers.length === 0 ? [] : ["--metadata-headers", headers.join(",")]),
    ...(notes.length === 0 ? [] : ["--metadata-annotations", notes.join(",")]),
    ...when(config.logger.caCertFile, "--logger-ca-cert-file", config.logger.caCertFile),
    ...["--logger-tls-skip-verify", `${config.logger.tlsSkipVerify}`],
  ];
}
