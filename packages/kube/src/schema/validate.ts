// SPDX-License-Identifier: Apache-2.0
// Validates an object against a structural schema, with the findings and texts of a kube-apiserver for custom resources.
// Semantics: apiextensions-apiserver pkg/apiserver/validation, over kube-openapi pkg/validation/validate.
import type { FieldError, ValidateSchema } from "../patch/contract.ts";
import { goQuote } from "../patch/go-format.ts";
import { checkEnum, checkFormat, checkNumber, checkString, checkType, formatOf, typesOf } from "./constraint.ts";
import { embeddedResourceErrors } from "./embedded.ts";
import { composite, invalid, Outcome, required, tooMany } from "./finding.ts";
import { isMap, type JsonMap, jsonEqual, nestsAtMost, ownValue } from "./json.ts";
import { listTypeErrors } from "./list-type.ts";
import { resolveSchema, type Schema, type TypeSchema } from "./schema.ts";

/** All findings: values first, then embedded resources, then duplicates in list types. */
export const validateSchema: ValidateSchema = (object, type) => {
  if (!nestsAtMost(object)) {
    return [
      {
        path: "<nil>",
        reason: "FieldValueInvalid",
        message: "Invalid value: nested too deeply: at most 500 levels are allowed",
      },
    ];
  }
  const outcome = new Validation(type).check(object, type.root, "");
  const values: FieldError[] = outcome.findings.map(({ error }) => error);
  return [...values, ...embeddedResourceErrors(object, type), ...listTypeErrors(object, type)];
};

class Validation {
  readonly #type: TypeSchema;

  constructor(type: TypeSchema) {
    this.#type = type;
  }

  check(value: unknown, given: Schema, name: string): Outcome {
    const schema = this.#effective(given);
    const outcome = new Outcome();
    if (value === null) {
      outcome.merge(checkType(value, schema, name));
      outcome.merge(checkEnum(value, schema, name));
      return outcome;
    }
    const step = (result: Outcome | undefined): void => {
      outcome.merge(result);
      outcome.fitting++;
    };
    const format = formatOf(schema);
    if (typesOf(schema).length > 0 || format !== "") step(checkType(value, schema, name));
    step(this.#combinations(value, schema, name));
    if (typeof value === "string") step(checkString(value, schema, name));
    if (typeof value === "string" && format !== "") step(checkFormat(value, format, name));
    if (typeof value === "number") step(checkNumber(value, schema, name));
    if (Array.isArray(value)) step(this.#items(value, schema, name));
    step(checkEnum(value, schema, name));
    if (isMap(value)) step(this.#fields(value, schema, name));
    outcome.fitting++;
    return outcome;
  }

  /** Quantities may be written as numbers, though Kubernetes publishes them as strings. */
  #effective(given: Schema): Schema {
    const schema = resolveSchema(this.#type, given);
    if (given.$ref?.endsWith(".api.resource.Quantity") && schema.type === "string") {
      const { type: _type, ...rest } = schema;
      return { ...rest, anyOf: [{ type: "string" }, { type: "number" }] };
    }
    return schema;
  }

  #combinations(value: unknown, { anyOf, oneOf, allOf, not }: Schema, name: string): Outcome {
    const outcome = new Outcome();
    if (anyOf !== undefined && anyOf.length > 0) this.#anyOf(outcome, value, { schemas: anyOf, name });
    if (oneOf !== undefined && oneOf.length > 0) this.#oneOf(outcome, value, { schemas: oneOf, name });
    if (allOf !== undefined && allOf.length > 0) this.#allOf(outcome, value, { schemas: allOf, name });
    if (not !== undefined && this.check(value, not, name).isValid) {
      outcome.add(composite(`${goQuote(name)} must not validate the schema (not)`));
    }
    outcome.fitting++;
    return outcome;
  }

  #anyOf(outcome: Outcome, value: unknown, { schemas, name }: Alternatives): void {
    let best: Outcome | undefined;
    for (const schema of schemas) {
      const result = this.check(value, schema, name);
      if (result.isValid) {
        outcome.merge(result);
        return;
      }
      if (best === undefined || result.fitting > best.fitting) best = result;
    }
    outcome.add(composite(`${goQuote(name)} must validate at least one schema (anyOf)`));
    outcome.merge(best);
  }

  #oneOf(outcome: Outcome, value: unknown, { schemas, name }: Alternatives): void {
    const results = schemas.map((schema) => this.check(value, schema, name));
    const valid = results.filter((result) => result.isValid);
    if (valid.length === 1) {
      outcome.merge(valid[0]);
      return;
    }
    const found = valid.length === 0 ? "Found none valid" : `Found ${valid.length} valid alternatives`;
    outcome.add(composite(`${goQuote(name)} must validate one and only one schema (oneOf). ${found}`));
    if (valid.length > 0) return;
    outcome.merge(results.reduce((best, result) => (result.fitting > best.fitting ? result : best)));
  }

  #allOf(outcome: Outcome, value: unknown, { schemas, name }: Alternatives): void {
    const results = schemas.map((schema) => this.check(value, schema, name));
    for (const result of results) outcome.merge(result);
    const valid = results.filter((result) => result.isValid).length;
    if (valid === results.length) return;
    outcome.add(
      composite(`${goQuote(name)} must validate all the schemas (allOf)${valid === 0 ? ". None validated" : ""}`),
    );
  }

  #items(list: unknown[], schema: Schema, name: string): Outcome {
    const outcome = new Outcome();
    const { items, minItems, maxItems } = schema;
    if (items !== undefined)
      list.forEach((item, index) => void outcome.merge(this.check(item, items, `${name}[${index}]`)));
    if (minItems !== undefined && list.length < minItems) {
      outcome.add(invalid(name, list.length, `should have at least ${minItems} items`));
    }
    if (maxItems !== undefined && list.length > maxItems) {
      outcome.add(tooMany(name, { actual: list.length, max: maxItems, what: "items" }));
    }
    if (schema.uniqueItems === true && hasDuplicates(list))
      outcome.add(invalid(name, "", "shouldn't contain duplicates"));
    outcome.fitting++;
    return outcome;
  }

  #fields(map: JsonMap, schema: Schema, name: string): Outcome {
    const outcome = new Outcome();
    const { minProperties, maxProperties, properties, additionalProperties } = schema;
    const keys = Object.keys(map);
    if (minProperties !== undefined && keys.length < minProperties) {
      outcome.add(invalid(name, keys.length, `should have at least ${minProperties} properties`));
    }
    if (maxProperties !== undefined && keys.length > maxProperties) {
      outcome.add(tooMany(name, { actual: keys.length, max: maxProperties, what: "properties" }));
    }
    for (const key of keys) {
      const property = ownValue(properties, key);
      if (property !== undefined) outcome.merge(this.check(map[key], property, name === "" ? key : `${name}.${key}`));
      else if (additionalProperties === false) outcome.add(forbidden(name, key));
      else if (typeof additionalProperties === "object") {
        outcome.merge(this.check(map[key], additionalProperties, `${name}.${key}`));
      }
    }
    for (const key of schema.required ?? []) if (!Object.hasOwn(map, key)) outcome.add(required(`${name}.${key}`));
    return outcome;
  }
}

interface Alternatives {
  readonly schemas: readonly Schema[];
  readonly name: string;
}

function forbidden(name: string, key: string): ReturnType<typeof invalid> {
  const finding = invalid(name, key, "");
  const text = `${name}.${key} in body is a forbidden property`;
  return { text, error: { ...finding.error, message: `Invalid value: ${goQuote(key)}: ${text}` } };
}

const hasDuplicates = (list: unknown[]): boolean =>
  list.some((item, index) => list.slice(0, index).some((other) => jsonEqual(item, other)));
