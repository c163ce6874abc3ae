// SPDX-License-Identifier: Apache-2.0
// All runtimes of this package as objects, and which container images are this same server, with the engine each needs.
// The embedded kubelet asks here before it starts a pod, so nothing here loads an engine.
import {
  type ClusterServingRuntime,
  clusterServingRuntime,
  ownPriority,
  type RuntimeDescriptor,
  SERVAL_IMAGE,
} from "./descriptor.ts";
import type { EngineName } from "./engines.ts";
import { servalLlamaCpp } from "./llama/descriptor.ts";
import { servalOnnx } from "./onnx/descriptor.ts";
import { shippedRuntimes } from "./shipped/index.ts";
import { servalSklearn } from "./sklearn/descriptor.ts";
import { servalXgboost } from "./xgboost/descriptor.ts";

/** Every runtime; the optional ones too. */
export const runtimeDescriptors: readonly RuntimeDescriptor[] = [
  servalSklearn,
  servalXgboost,
  servalOnnx,
  servalLlamaCpp,
  ...shippedRuntimes,
];

export interface RuntimeSelection {
  /**
   * True: Serval's own server is chosen wherever it serves the format. False: it is chosen where nothing else is, so that
   * a model without a named runtime goes where KServe sends it.
   */
  readonly prefersOwn: boolean;
  /** Serval's own server as a cluster pulls it, with registry and tag; default: the name that the embedded home knows. */
  readonly ownImage?: string;
}

function selected(descriptor: RuntimeDescriptor, { prefersOwn, ownImage }: RuntimeSelection): RuntimeDescriptor {
  if (descriptor.isOwn !== true) return descriptor;
  const formats = descriptor.formats.map((format) =>
    prefersOwn && format.autoSelect === true ? { ...format, priority: ownPriority } : format,
  );
  return { ...descriptor, formats, image: ownImage ?? descriptor.image };
}

/** What is installed by itself. */
export const clusterServingRuntimes = (selection: RuntimeSelection): readonly ClusterServingRuntime[] =>
  runtimeDescriptors
    .filter(({ isOptional }) => isOptional !== true)
    .map((descriptor) => clusterServingRuntime(selected(descriptor, selection)));

/** Images (without registry and tag) that `serval serve` stands in for, with the framework each implies. */
const images: Readonly<Record<string, string | undefined>> = {
  [SERVAL_IMAGE]: undefined,
  "kserve/sklearnserver": "sklearn",
  "kserve/xgbserver": "xgboost",
  // Its arguments say which.
  "kserve/predictiveserver": undefined,
};

/** "docker.io/kserve/sklearnserver:v1@sha256:…" -> "kserve/sklearnserver"; a registry is a first part with a dot, a colon or "localhost". */
export function imageName(image: string): string {
  const parts = image.split("@")[0]!.split("/");
  if (parts.length > 1 && /[.:]|^localhost$/.test(parts[0]!)) parts.shift();
  return parts.join("/").replace(/:[^/]*$/, "");
}

/** The arguments of `serval serve` for a container that this server can stand in for; undefined for any other image. */
export function serveArgsForImage(image: string, args: readonly string[]): readonly string[] | undefined {
  const name = [imageName(image), imageName(image).split("/").at(-1)!].find((candidate) =>
    Object.hasOwn(images, candidate),
  );
  if (name === undefined) return undefined;
  const framework = images[name];
  return framework === undefined || frameworkOf(args) !== undefined ? args : [...args, `--framework=${framework}`];
}

/** The heavy engine that the container needs before it starts, or undefined for none. */
export function engineForImage(image: string, args: readonly string[]): EngineName | undefined {
  const framework = frameworkOf(serveArgsForImage(image, args) ?? []);
  if (framework === "onnx") return "onnx";
  return framework !== undefined && /^(gguf|llama|llamacpp|vllm|huggingface)$/.test(framework) ? "llama" : undefined;
}

function frameworkOf(args: readonly string[]): string | undefined {
  const at = args.findLastIndex((argument) => argument === "--framework" || argument.startsWith("--framework="));
  if (at === -1) return undefined;
  return (args[at]!.includes("=") ? args[at]!.slice("--framework=".length) : args[at + 1])?.toLowerCase();
}
