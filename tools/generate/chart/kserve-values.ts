// SPDX-License-Identifier: Apache-2.0
// Values that people have from KServe's charts (kserve, kserve-resources; v0.20): which are taken, and where the others
// belong now.

/** Of `kserve.controller`, and what they are here. */
export const takenValues: Readonly<Record<string, string>> = {
  resources: "resources",
  nodeSelector: "nodeSelector",
  tolerations: "tolerations",
  affinity: "affinity",
  podAnnotations: "podAnnotations",
  imagePullSecrets: "imagePullSecrets",
  securityContext: "podSecurityContext",
  containerSecurityContext: "securityContext",
};

/** The expression of a value that KServe's chart may give under another name. */
export function aliased(path: string): string {
  const name = Object.entries(takenValues).find(([, own]) => own === path)?.[0];
  return name === undefined
    ? `.Values.${path}`
    : `(dig "controller" "${name}" .Values.${path} (.Values.kserve | default dict))`;
}

const configured = "kubectl edit configmap inferenceservice-config -n kserve, section ";

/** Below `kserve`: what to do instead. */
export const otherValues: Readonly<Record<string, string>> = {
  "controller.image": "Serval's image is image.registry, image.repository, image.tag",
  "controller.tag": "Serval's image is image.registry, image.repository, image.tag",
  "controller.deploymentMode": `${configured}deploy (defaultDeploymentMode)`,
  "controller.gateway": `${configured}ingress; gateway.enabled says whether Serval's own gateway runs`,
  "controller.metricsBindPort":
    "The operator's metrics are on port 8080; metrics.serviceMonitor.enabled makes Prometheus read them",
  storage: `${configured}storageInitializer and credentials`,
  agent: `${configured}agent`,
  router: `${configured}router`,
  service: `${configured}service`,
  metricsaggregator: `${configured}metricsAggregator`,
  autoscaler: `${configured}autoscaler`,
  inferenceservice: `${configured}inferenceService`,
  localmodel: `${configured}localModel`,
  security: `${configured}security`,
  opentelemetryCollector: `${configured}opentelemetryCollector`,
  servingruntime: "edit the ClusterServingRuntime itself; an upgrade leaves it alone from then on",
  modelmesh: "ModelMesh is not run by Serval",
};

const dug = (path: string): string =>
  `dig ${path
    .split(".")
    .map((key) => `"${key}"`)
    .join(" ")} "" (.Values.kserve | default dict)`;

/** Part of the notes after an install. */
export const kserveNotes = (): string =>
  [
    "{{- if .Values.kserve }}",
    "",
    "Values of KServe's chart (deprecated here):",
    ...Object.entries(takenValues).map(
      ([name, own]) =>
        `{{- if ${dug(`controller.${name}`)} }}\n  kserve.controller.${name} is taken; write ${own}\n{{- end }}`,
    ),
    ...Object.entries(otherValues).map(
      ([path, what]) => `{{- if ${dug(path)} }}\n  kserve.${path} has no effect here: ${what}\n{{- end }}`,
    ),
    "{{- end }}",
  ].join("\n");
