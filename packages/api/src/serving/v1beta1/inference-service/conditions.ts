// SPDX-License-Identifier: Apache-2.0
// Conditions as Knative's living condition set keeps them: `Ready` follows its dependents, everything else is Info.
// Source: knative.dev/pkg/apis/condition_set.go.
import type { ServingCondition } from "../../component-schema.ts";
import type { Role } from "./implementations.ts";

export const dependents: readonly string[] = ["PredictorReady", "IngressReady"];
export const readyConditionOf: Readonly<Record<Role, string>> = {
  predictor: "PredictorReady",
  transformer: "TransformerReady",
  explainer: "ExplainerReady",
};

export type Truth = "True" | "False" | "Unknown";
export interface Verdict {
  readonly status: Truth;
  readonly reason?: string | undefined;
  readonly message?: string | undefined;
}

const isTerminal = (type: string): boolean => type === "Ready" || dependents.includes(type);

/** Whether two conditions differ in nothing but their time. */
const says = (a: ServingCondition, b: ServingCondition): boolean =>
  a.status === b.status && a.reason === b.reason && a.message === b.message;

/** Conditions by type; `now` becomes the transition time of what changes. Mutable, made per reconcile. */
export class ConditionSet {
  readonly #before: ReadonlyMap<string, ServingCondition>;
  readonly #conditions: Map<string, ServingCondition>;
  readonly #now: string;
  /** Order of changes within this reconcile: transition times have whole seconds. */
  readonly #changedAt = new Map<string, number>();
  #clock = 0;

  constructor(conditions: readonly ServingCondition[], now: Date) {
    this.#before = new Map(conditions.map((condition) => [condition.type, condition]));
    this.#conditions = new Map(this.#before);
    this.#now = now.toISOString().replace(/\.\d+Z$/, "Z");
  }

  get(type: string): ServingCondition | undefined {
    return this.#conditions.get(type);
  }

  isTrue(type: string): boolean {
    return this.#conditions.get(type)?.status === "True";
  }

  /** A missing `Ready` becomes Unknown, missing dependents follow it. */
  initialise(): void {
    if (!this.#conditions.has("Ready")) this.#set("Ready", { status: "Unknown" });
    for (const type of dependents)
      if (!this.#conditions.has(type)) this.#set(type, { status: this.isTrue("Ready") ? "True" : "Unknown" });
  }

  mark(type: string, verdict: Verdict): void {
    this.#set(type, verdict);
    if (verdict.status === "True") this.#recompute();
    else if (verdict.status === "Unknown") this.#afterUnknown(type, verdict);
    else if (dependents.includes(type)) this.#set("Ready", verdict);
  }

  /** Only for conditions that are not part of `Ready`. */
  clear(type: string): void {
    if (!isTerminal(type)) this.#conditions.delete(type);
  }

  /**
   * Sorted by type, as KServe writes them. A condition that ends as it began keeps its transition time: `Ready` follows
   * one dependent after the other, and a new time alone would be a status write per reconcile.
   */
  list(): ServingCondition[] {
    return [...this.#conditions.values()]
      .map((condition) => {
        const before = this.#before.get(condition.type);
        return before !== undefined && says(before, condition) ? before : condition;
      })
      .toSorted((a, b) => (a.type < b.type ? -1 : 1));
  }

  #set(type: string, { status, reason, message }: Verdict): void {
    const old = this.#conditions.get(type);
    const next: ServingCondition = {
      type,
      status,
      ...(isTerminal(type) ? {} : { severity: "Info" }),
      ...(reason === undefined || reason === "" ? {} : { reason }),
      ...(message === undefined || message === "" ? {} : { message }),
    };
    if (old !== undefined && says(old, next)) return;
    this.#changedAt.set(type, ++this.#clock);
    this.#conditions.set(type, { ...next, lastTransitionTime: this.#now });
  }

  #newestFirst(): ServingCondition[] {
    const age = ({ type, lastTransitionTime = "" }: ServingCondition) =>
      `${lastTransitionTime}|${String(this.#changedAt.get(type) ?? 0).padStart(6, "0")}`;
    return dependents
      .flatMap((type) => this.#conditions.get(type) ?? [])
      .toSorted((a, b) => (age(a) < age(b) ? 1 : age(a) > age(b) ? -1 : 0));
  }

  #recompute(): void {
    const ordered = this.#newestFirst();
    const worst =
      ordered.find(({ status }) => status === "False") ?? ordered.find(({ status }) => status === "Unknown");
    if (worst !== undefined) this.#set("Ready", worst as Verdict);
    else this.#set("Ready", { status: ordered.length < dependents.length ? "Unknown" : "True" });
  }

  #afterUnknown(type: string, verdict: Verdict): void {
    const failed = dependents.find((dependent) => this.#conditions.get(dependent)?.status === "False");
    if (failed !== undefined) {
      if (this.#conditions.get("Ready")?.status !== "False")
        this.#set("Ready", { status: "False", reason: verdict.reason, message: verdict.message });
    } else if (dependents.includes(type)) this.#set("Ready", verdict);
  }
}
