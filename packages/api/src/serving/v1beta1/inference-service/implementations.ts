// SPDX-License-Identifier: Apache-2.0
// What implements a component: a model format, own containers, or a built-in explainer. Exactly one is allowed.
// Source: KServe GetImplementations of predictor.go, transformer.go, explainer.go.
import type { Container } from "@serval/api/core/index.ts";
import { containerNames } from "../../names.ts";
import type { ExplainerSpec, FrameworkSpec, ModelSpec, PredictorSpec, TransformerSpec } from "./schema.ts";

export const roles = ["predictor", "transformer", "explainer"] as const;
export type Role = (typeof roles)[number];
export type ComponentSpec = PredictorSpec | TransformerSpec | ExplainerSpec;

export type Implementation =
  | { readonly kind: "framework"; readonly name: FrameworkName; readonly spec: FrameworkSpec }
  | { readonly kind: "model"; readonly name: "model"; readonly spec: ModelSpec }
  | { readonly kind: "art"; readonly name: "art"; readonly spec: NonNullable<ExplainerSpec["art"]> }
  | { readonly kind: "custom"; readonly name: "containers"; readonly spec: Container };

/** KServe's order; index 0 is "the implementation". */
const order = [
  "xgboost",
  "pytorch",
  "triton",
  "sklearn",
  "tensorflow",
  "onnx",
  "pmml",
  "lightgbm",
  "paddle",
  "huggingface",
] as const;
export type FrameworkName = (typeof order)[number];

const custom = (spec: Container): Implementation => ({ kind: "custom", name: "containers", spec });

export function predictorImplementations(predictor: PredictorSpec): Implementation[] {
  const found: Implementation[] = order.flatMap((name) => {
    const spec = predictor[name];
    return spec === undefined ? [] : [{ kind: "framework" as const, name, spec }];
  });
  if (predictor.model !== undefined) found.push({ kind: "model", name: "model", spec: predictor.model });
  const containers = predictor.containers ?? [];
  found.push(...containers.filter(({ name }) => name === containerNames.model).map(custom));
  const [first] = containers;
  if (found.length === 0 && first !== undefined) found.push(custom(first));
  return found;
}

const transformerImplementations = ({ containers = [] }: TransformerSpec): Implementation[] =>
  containers.slice(0, 1).map(custom);

const explainerImplementations = ({ art, containers = [] }: ExplainerSpec): Implementation[] => [
  ...(art === undefined ? [] : [{ kind: "art" as const, name: "art" as const, spec: art }]),
  ...containers.slice(0, 1).map(custom),
];

export function implementationsOf(role: Role, component: ComponentSpec): Implementation[] {
  if (role === "predictor") return predictorImplementations(component as PredictorSpec);
  return role === "transformer"
    ? transformerImplementations(component as TransformerSpec)
    : explainerImplementations(component as ExplainerSpec);
}
