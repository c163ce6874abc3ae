// SPDX-License-Identifier: Apache-2.0
// A container's environment and its $(VAR) references, as the kubelet computes them. Pure, given what references name.
import type { Container, EnvVar, Pod } from "@serval/api";
import { containerResource, podField } from "./downward.ts";

/** Data of the ConfigMaps and Secrets of the pod's namespace; Secret values are decoded. */
export interface References {
  configMap(name: string): Readonly<Record<string, string>> | undefined;
  secret(name: string): Readonly<Record<string, string>> | undefined;
}

/** The container cannot be created until the user changes something: `CreateContainerConfigError`. */
export class ContainerConfigError extends Error {
  override readonly name = "ContainerConfigError";
}

/**
 * Replaces `$(NAME)` by its value; `$$` escapes; unknown names stay as written.
 *
 * @see https://kubernetes.io/docs/tasks/inject-data-application/define-command-argument-container/
 */
export const expandVariables = (text: string, env: Readonly<Record<string, string>>): string =>
  text.replace(/\$\$|\$\(([^()$]*)\)/g, (whole, name: string | undefined) => {
    if (whole === "$$") return "$";
    return (name !== undefined && Object.hasOwn(env, name) ? env[name] : undefined) ?? whole;
  });

function fromSource(
  kind: "configmap" | "secret",
  name: string,
  optional: boolean,
  references: References,
): Readonly<Record<string, string>> {
  const data = kind === "secret" ? references.secret(name) : references.configMap(name);
  if (data === undefined && !optional) throw new ContainerConfigError(`${kind} "${name}" not found`);
  return data ?? {};
}

function keyOfSource(
  kind: "configmap" | "secret",
  ref: { name?: string | undefined; key: string; optional?: boolean | undefined },
  references: References,
): string | undefined {
  const name = ref.name ?? "";
  const value = fromSource(kind, name, ref.optional === true, references)[ref.key];
  if (value === undefined && ref.optional !== true) {
    throw new ContainerConfigError(
      `couldn't find key ${ref.key} in ${kind === "secret" ? "Secret" : "ConfigMap"} ${name}`,
    );
  }
  return value;
}

function variableValue(variable: EnvVar, pod: Pod, container: Container, references: References): string | undefined {
  const from = variable.valueFrom;
  if (from?.fieldRef !== undefined) return podField(pod, from.fieldRef.fieldPath);
  if (from?.resourceFieldRef !== undefined) return containerResource(pod, container, from.resourceFieldRef);
  if (from?.configMapKeyRef !== undefined) return keyOfSource("configmap", from.configMapKeyRef, references);
  if (from?.secretKeyRef !== undefined) return keyOfSource("secret", from.secretKeyRef, references);
  return variable.value ?? "";
}

/**
 * envFrom first, then env in order; later entries win and may refer to earlier ones.
 *
 * @param base what every container gets (PATH, HOME, service links); never the home's own environment.
 * @throws ContainerConfigError for a missing non-optional reference.
 */
export function containerEnv(
  pod: Pod,
  container: Container,
  { base, references }: { base: Readonly<Record<string, string>>; references: References },
): Record<string, string> {
  const env: Record<string, string> = { ...base };
  for (const source of container.envFrom ?? []) {
    const prefix = source.prefix ?? "";
    const ref = source.configMapRef ?? source.secretRef;
    if (ref === undefined) continue;
    const kind = source.configMapRef === undefined ? "secret" : "configmap";
    const data = fromSource(kind, ref.name ?? "", ref.optional === true, references);
    for (const [key, value] of Object.entries(data)) env[`${prefix}${key}`] = value;
  }
  for (const variable of container.env ?? []) {
    const value = variableValue(variable, pod, container, references);
    if (value !== undefined)
      env[variable.name] = variable.valueFrom === undefined ? expandVariables(value, env) : value;
  }
  return env;
}
