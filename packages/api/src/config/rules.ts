// SPDX-License-Identifier: Apache-2.0
// What one section's schema cannot say: rules over the whole snapshot, in KServe's words where it has them.
import { renderTemplate, TemplateError } from "../serving/go-template.ts";
import { quantityValue } from "../serving/quantity.ts";
import type { ConfigProblem, ServingConfig } from "./parse.ts";
import type { ConfigKey } from "./schema.ts";

export type ConfigRule = (config: ServingConfig) => readonly ConfigProblem[];

const modeNames = ["Standard", "RawDeployment", "Knative", "Serverless", "ModelMesh"];
const ociModes = ["modelcar", "native", "fetch"];
const dnsLabel = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const dnsSubdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

/** KServe's own text for a value that a schema refuses. */
export function ownMessage(path: string, section: unknown): string | undefined {
  if (path !== "storageInitializer.ociModelMode") return undefined;
  const value = (section as { ociModelMode?: unknown }).ociModelMode;
  const modes = ociModes.map((mode) => JSON.stringify(mode)).join(", ");
  return `invalid "storageInitializer".ociModelMode ${JSON.stringify(value)}: must be one of ${modes}`;
}

const gatewayName: ConfigRule = ({ ingress, present }) => {
  if (!present.has("ingress") || !ingress.enableGatewayApi) return [];
  const problem = (message: string): ConfigProblem[] => [
    {
      path: "ingress.kserveIngressGateway",
      message: `invalid ingress config - ${message}`,
      fix: 'Set it to "<namespace>/<name>" of your Gateway',
    },
  ];
  const { kserveIngressGateway: full } = ingress;
  if (full === "") return problem("kserveIngressGateway is required");
  const [namespace = "", name = "", ...rest] = full.split("/");
  if (rest.length > 0 || !full.includes("/"))
    return problem("kserveIngressGateway should be in the format <namespace>/<name>");
  if (!dnsSubdomain.test(name)) return problem("gateway name is invalid");
  return dnsLabel.test(namespace) ? [] : problem("gateway namespace is invalid");
};

/** KServe refuses an absent name too; ours has the stock name as its default. */
const istioGateway: ConfigRule = ({ ingress, present }) =>
  present.has("ingress") && ingress.ingressGateway === ""
    ? [
        {
          path: "ingress.ingressGateway",
          message: "invalid ingress config - ingressGateway is required",
          fix: 'Set it to "<namespace>/<name>" of your Istio gateway, or remove the field',
        },
      ]
    : [];

const sampleValues = {
  Name: "name",
  Namespace: "namespace",
  IngressDomain: "example.com",
  Annotations: {},
  Labels: {},
};

const templates: ConfigRule = ({ ingress }) =>
  (["pathTemplate", "domainTemplate"] as const).flatMap((field) => {
    try {
      renderTemplate(ingress[field], sampleValues);
      return [];
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error;
      const message = `invalid ingress config, unable to parse ${field}: ${error.message}`;
      return [{ path: `ingress.${field}`, message, fix: "Use {{ .Name }}, {{ .Namespace }} and {{ .IngressDomain }}" }];
    }
  });

const pathTemplateNeedsDomain: ConfigRule = ({ ingress }) =>
  ingress.pathTemplate !== "" && ingress.ingressDomain === ""
    ? [
        {
          path: "ingress.ingressDomain",
          message: "invalid ingress config - ingressDomain is required if pathTemplate is given",
          fix: "Set ingress.ingressDomain, or remove ingress.pathTemplate",
        },
      ]
    : [];

const knownMode: ConfigRule = ({ deploy }) => {
  const { defaultDeploymentMode: mode } = deploy;
  if (modeNames.includes(mode)) return [];
  const message =
    mode === ""
      ? "invalid deploy config, defaultDeploymentMode is required"
      : "invalid deployment mode. Supported modes are Knative, Standard and ModelMesh";
  return [{ path: "deploy.defaultDeploymentMode", message, fix: "Set it to Standard" }];
};

const amounts = ["memoryRequest", "memoryLimit", "cpuRequest", "cpuLimit"] as const;
type Amounts = Readonly<Record<(typeof amounts)[number], string>>;

const amountProblems = (path: string, values: Amounts, mayBeEmpty: boolean): ConfigProblem[] =>
  amounts
    .filter((name) => !(mayBeEmpty && values[name] === "") && Number.isNaN(quantityValue(values[name])))
    .map((name) => ({
      path: `${path}.${name}`,
      message: `failed to parse resource configuration for "${path}"."${name}": ${JSON.stringify(values[name])} is not a quantity`,
      fix: 'Write a quantity such as "100m", "1" or "512Mi"',
    }));

const sidecars = ["storageInitializer", "agent", "logger", "batcher", "router"] as const satisfies ConfigKey[];

/** KServe panics over some of these and fails every pod over the others. */
const quantities: ConfigRule = (config) => [
  ...sidecars.flatMap((key) => amountProblems(key, config[key], false)),
  ...amountProblems("opentelemetryCollector.resource", config.opentelemetryCollector.resource, true),
  ...(config.inferenceService.resource === undefined
    ? []
    : amountProblems("inferenceService.resource", config.inferenceService.resource, true)),
];

/** KServe: a number as text; what does not parse stops its KEDA reconciler. */
const windows: ConfigRule = ({ autoscaler }) =>
  (["scaleUpStabilizationWindowSeconds", "scaleDownStabilizationWindowSeconds"] as const)
    .filter((field) => !/^[0-9]+$/.test(autoscaler[field]) || Number(autoscaler[field]) > 3600)
    .map((field) => ({
      path: `autoscaler.${field}`,
      message: `invalid autoscaler config: ${field} ${JSON.stringify(autoscaler[field])} is not a number of seconds from 0 to 3600`,
      fix: 'Write it as text, for example "300"',
    }));

const propagatedHeaders: ConfigRule = ({ router }) =>
  (router.headers?.propagate ?? []).flatMap((pattern, index) => {
    try {
      new RegExp(pattern);
      return [];
    } catch (error) {
      const path = `router.headers.propagate.${index}`;
      const message = `invalid router config: ${path} is not a regular expression: ${(error as Error).message}`;
      return [{ path, message, fix: "Name the header, or write a valid regular expression" }];
    }
  });

export const configRules: readonly ConfigRule[] = [
  gatewayName,
  istioGateway,
  templates,
  pathTemplateNeedsDomain,
  knownMode,
  quantities,
  windows,
  propagatedHeaders,
];
