// SPDX-License-Identifier: Apache-2.0
// docs/reference/runtimes.md from the runtime descriptors, and the optional runtimes as YAML to apply.
import { mkdirSync, writeFileSync } from "node:fs";
import { clusterServingRuntime, type RuntimeDescriptor, runtimeDescriptors, serveArgsForImage } from "@serval/runtimes";
import { stringify } from "yaml";

const root = new URL("../../", import.meta.url);
const page = "docs/reference/runtimes.md";
const optional = runtimeDescriptors.filter(({ isOptional }) => isOptional === true);
const optionalFile = ({ name }: RuntimeDescriptor): string => `examples/runtimes/${name}.yaml`;

/** What this generator writes. */
export const runtimeReferenceFiles: readonly string[] = [page, ...optional.map(optionalFile)];

const code = (text: string): string => `\`${text}\``;

/** "sklearn:0,1 (2)": versions of one name together, the priority behind; without autoSelect in italics. */
function formatsOf({ formats, isOwn }: RuntimeDescriptor): string {
  const byName = Map.groupBy(formats, ({ name }) => name);
  return [...byName]
    .map(([name, entries]) => {
      const versions = entries.map(({ version }) => version).filter((version) => version !== undefined);
      const text = versions.length === 0 ? name : `${name}:${versions.join(",")}`;
      const { priority, autoSelect } = entries[0] as RuntimeDescriptor["formats"][number];
      if (autoSelect !== true) return `*${text}*`;
      return isOwn === true ? text : `${text} (${priority ?? "-"})`;
    })
    .join(", ");
}

const embedded = ({ isOwn, image, args = [] }: RuntimeDescriptor): string => {
  if (isOwn === true) return "yes";
  return serveArgsForImage(image, args) === undefined ? "no" : "yes, by Serval's server";
};

const row = (runtime: RuntimeDescriptor): string =>
  `| ${[
    `${code(runtime.name)}${runtime.isOptional === true ? " (optional)" : ""}`,
    formatsOf(runtime),
    runtime.protocols.join(", ") || "any",
    code(runtime.image),
    embedded(runtime),
  ].join(" | ")} |`;

const text = (): string => `<!-- Generated from packages/runtimes/src by \`npm run generate\`. Do not edit. -->

# Runtimes

What a fresh home has, and what an installation on a cluster brings. The number behind a format is its priority; a format in italics is never chosen by itself, only when \`spec.predictor.model.runtime\` names the runtime. \`kubectl get clusterservingruntimes\` lists what is there now.

| runtime | format:versions (priority) | protocols | image | runs in the embedded home |
| --- | --- | --- | --- | --- |
${runtimeDescriptors.map(row).join("\n")}

Versions are labels and compared as text: \`1\` does not match \`1.2\`. A model without a version takes any. Serval's server does not read LightGBM yet, under whatever name it is asked to.

## Which one is chosen

1. \`spec.predictor.model.runtime\`, if set: the ServingRuntime of the namespace, else the ClusterServingRuntime of that name.
2. Else all that list the format (and version) with \`autoSelect\`, speak the protocol (\`protocolVersion\`, \`v1\` when unset), are not disabled, and have a \`workerSpec\` exactly if the predictor has one. A ServingRuntime of the namespace comes before every ClusterServingRuntime; then the higher priority; then the lower protocol; then the newer.
3. Else the service is not ready, with the reason \`NoSupportingRuntime\`, and \`status.serval\` says of each runtime why it was not chosen.

The runtimes of Serval's own server (\`serval-…\`) have priority 3 in the embedded home: nothing else runs there without a container engine. On a cluster they have none, so that every model goes where KServe sends it and they serve what KServe's runtimes cannot (\`sklearn\` version 0 and \`onnx\` over v1, \`gguf\`) ([why](../decisions/0013-own-server-fills-the-gaps.md)).

## A runtime whose image cannot run here

In the embedded home an image is a local process. One that has no local stand-in stays selectable: the service says \`Ready=False\`, names the image and both ways out, which are a container engine (in a later release) and a cluster.

## Differences from KServe v0.20

- \`kserve-vllmserver\` also lists \`huggingface\`, without \`autoSelect\`: published quick starts name it for that format.
- \`kserve-tgiserver\` exists. text-generation-inference speaks the OpenAI protocol, so it lists no protocol.
- \`kserve-openvino\` is optional, as in KServe: it would take \`onnx\` and \`tensorflow\` from their servers. \`kubectl apply -f ${optionalFile(optional[0] as RuntimeDescriptor)}\` installs it.

Your own: [a custom runtime](../guide/custom-runtime.md).
`;

export function generateRuntimeReference(): void {
  writeFileSync(new URL(page, root), text());
  mkdirSync(new URL("examples/runtimes/", root), { recursive: true });
  for (const runtime of optional) {
    const header = `# SPDX-License-Identifier: Apache-2.0\n# Generated from packages/runtimes/src by \`npm run generate\`. Needs a cluster.\n`;
    writeFileSync(new URL(optionalFile(runtime), root), `${header}${stringify(clusterServingRuntime(runtime))}`);
  }
}
