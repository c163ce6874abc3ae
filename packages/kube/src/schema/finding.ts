// SPDX-License-Identifier: Apache-2.0
// One finding of schema validation, in the two wordings that Kubernetes puts together: that of its OpenAPI validator
// (`spec.x in body must be …`) inside that of its field errors (`Invalid value: …`).
// Texts: kube-openapi pkg/validation/errors, apimachinery pkg/util/validation/field.
import type { FieldError } from "../patch/contract.ts";
import { goJson, goNumber, goQuote } from "../patch/go-format.ts";

export interface Finding {
  /** The OpenAPI validator's text; findings with the same text are reported once. */
  readonly text: string;
  readonly error: FieldError;
}

/** A root is called `<nil>`, as Go prints the empty path. */
export const fieldPath = (name: string): string => {
  const path = name.startsWith(".") ? name.slice(1) : name;
  return path === "" ? "<nil>" : path;
};

const shown = (value: unknown): string =>
  typeof value === "string" ? goQuote(value) : typeof value === "number" ? goNumber(value) : goJson(value ?? null);

export const required = (name: string): Finding => ({
  text: `${name} in body is required`,
  error: { path: fieldPath(name), reason: "FieldValueRequired", message: "Required value" },
});

/** `detail` without the field and "in body". */
export function invalid(name: string, value: unknown, detail: string): Finding {
  const text = `${name} in body ${detail}`;
  return {
    text,
    error: { path: fieldPath(name), reason: "FieldValueInvalid", message: `Invalid value: ${shown(value)}: ${text}` },
  };
}

/** `actual`: the type or, for formats, the text that is there. */
export function invalidType(name: string, expected: string, actual: string): Finding {
  const text = `${name} in body must be of type ${expected}: ${goQuote(actual)}`;
  const message = `Invalid value: ${goQuote(actual)}: ${text}`;
  return { text, error: { path: fieldPath(name), reason: "FieldValueTypeInvalid", message } };
}

export function unsupported(name: string, value: unknown, allowed: readonly unknown[]): Finding {
  const texts = allowed.map((one) => goQuote(typeof one === "string" ? one : goJson(one)));
  const message = `Unsupported value: ${shown(value)}: supported values: ${texts.join(", ")}`;
  return {
    text: `${name} in body should be one of ${goJson(allowed)}`,
    error: { path: fieldPath(name), reason: "FieldValueNotSupported", message },
  };
}

export function tooLong(name: string, max: number): Finding {
  const message = `Too long: may not be more than ${max} ${max === 1 ? "byte" : "bytes"}`;
  return {
    text: `${name} in body should be at most ${max} chars long`,
    error: { path: fieldPath(name), reason: "FieldValueTooLong", message },
  };
}

export function tooMany(name: string, { actual, max, what }: { actual: number; max: number; what: string }): Finding {
  const message = `Too many: ${actual}: must have at most ${max} ${max === 1 ? "item" : "items"}`;
  return {
    text: `${name} in body should have at most ${max} ${what}`,
    error: { path: fieldPath(name), reason: "FieldValueTooMany", message },
  };
}

/** About a combination of schemas: Kubernetes puts these at the root, whatever field they are about. */
export const composite = (text: string): Finding => ({
  text,
  error: { path: "<nil>", reason: "FieldValueInvalid", message: `Invalid value: "": ${text}` },
});

/** What one validation step found, and how much fitted: the best of several alternatives is the one that fits most. */
export class Outcome {
  readonly findings: Finding[] = [];
  fitting = 0;

  static of(finding: Finding): Outcome {
    const outcome = new Outcome();
    outcome.add(finding);
    return outcome;
  }

  get isValid(): boolean {
    return this.findings.length === 0;
  }

  add(finding: Finding): void {
    if (!this.findings.some(({ text }) => text === finding.text)) this.findings.push(finding);
  }

  merge(other: Outcome | undefined): void {
    if (other === undefined) return;
    for (const finding of other.findings) this.add(finding);
    this.fitting += other.fitting;
  }
}
