// SPDX-License-Identifier: Apache-2.0
// With Istio's CNI plugin an init container reaches the network only as the sidecar's user.
// Source: KServe SetIstioCniSecurityContext.
import { annotations, type Container, containerNames, type PodSpec } from "@serval/api";
import { type PodStage, withSpec } from "../context.ts";

const sidecarUser = 1337;

/** The user of the sidecar that the status annotation names; undefined: there is no sidecar. */
function userOfSidecar(status: string | undefined, { containers, initContainers }: PodSpec): number | undefined {
  if (status === undefined) return undefined;
  try {
    const { containers: names } = JSON.parse(status) as { containers?: unknown };
    const name: unknown = Array.isArray(names) ? names[0] : undefined;
    if (name === undefined) return undefined;
    const sidecar = [...containers, ...(initContainers ?? [])].find((container) => container.name === name);
    return sidecar?.securityContext?.runAsUser ?? sidecarUser;
  } catch {
    return undefined;
  }
}

const withUser = (container: Container, runAsUser: number): Container => ({
  ...container,
  securityContext: { ...container.securityContext, runAsUser },
});

export const storageInitializerUser: PodStage = (template) => {
  const inits = template.spec.initContainers ?? [];
  if (!inits.some(({ name }) => name === containerNames.storageInitializer)) return template;
  const notes = template.metadata.annotations ?? {};
  const asked = notes[annotations.storageInitializerUid];
  const hasNoCni = inits.some(({ name }) => name === "istio-init");
  const redirects = notes["sidecar.istio.io/interceptionMode"] === "REDIRECT";
  const inferred = redirects && !hasNoCni ? userOfSidecar(notes["sidecar.istio.io/status"], template.spec) : undefined;
  // KServe: an annotation that is no number switches the inference off too.
  const user = asked === undefined ? inferred : /^-?\d+$/.test(asked) ? Number(asked) : undefined;
  if (user === undefined) return template;
  return withSpec(template, {
    initContainers: inits.map((container) =>
      container.name === containerNames.storageInitializer ? withUser(container, user) : container,
    ),
  });
};
