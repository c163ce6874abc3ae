// SPDX-License-Identifier: Apache-2.0
// Findings of validation in Kubernetes' words, and the name and label rules that every kind shares.
// Source: k8s.io/apimachinery/pkg/util/validation/field/errors.go, pkg/util/validation/validation.go
import type { AnyObject } from "@serval/api";
import type { FieldError } from "@serval/kube/patch/contract";

const shown = (value: unknown): string => JSON.stringify(value) ?? "null";

export const required = (path: string, detail = ""): FieldError => ({
  path,
  reason: "FieldValueRequired",
  message: detail === "" ? "Required value" : `Required value: ${detail}`,
});
export const invalidValue = (path: string, value: unknown, detail: string): FieldError => ({
  path,
  reason: "FieldValueInvalid",
  message: `Invalid value: ${shown(value)}: ${detail}`,
});
export const unsupported = (path: string, value: unknown, supported: readonly string[]): FieldError => ({
  path,
  reason: "FieldValueNotSupported",
  message: `Unsupported value: ${shown(value)}: supported values: ${supported.map(shown).join(", ")}`,
});
export const duplicate = (path: string, value: unknown): FieldError => ({
  path,
  reason: "FieldValueDuplicate",
  message: `Duplicate value: ${shown(value)}`,
});
export const forbiddenField = (path: string, detail: string): FieldError => ({
  path,
  reason: "FieldValueForbidden",
  message: `Forbidden: ${detail}`,
});
export const missingValue = (path: string, value: unknown): FieldError => ({
  path,
  reason: "FieldValueNotFound",
  message: `Not found: ${shown(value)}`,
});

const label = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const label1035 = "[a-z]([-a-z0-9]*[a-z0-9])?";
const subdomain = `${label}(\\.${label})*`;
const qualifiedPart = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
const labelValue = `(${qualifiedPart})?`;
const whole = (pattern: string): RegExp => new RegExp(`^${pattern}$`);
const labelPattern = whole(label);
const label1035Pattern = whole(label1035);
const subdomainPattern = whole(subdomain);
const qualifiedPattern = whole(qualifiedPart);
const labelValuePattern = whole(labelValue);

const used = (pattern: string): string => `regex used for validation is '${pattern}'`;
const tooLong = (limit: number): string => `must be no more than ${limit} bytes`;

/** Each answers what is wrong, or undefined. */
export function dnsSubdomain(name: string): string | undefined {
  if (name.length > 253) return tooLong(253);
  if (subdomainPattern.test(name)) return undefined;
  return `a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', ${used(subdomain)})`;
}
export function dnsLabel(name: string): string | undefined {
  if (name.length > 63) return tooLong(63);
  if (labelPattern.test(name)) return undefined;
  return `a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', ${used(label)})`;
}
export function dns1035Label(name: string): string | undefined {
  if (name.length > 63) return tooLong(63);
  if (label1035Pattern.test(name)) return undefined;
  return `a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', ${used(label1035)})`;
}
export function qualifiedName(key: string): string | undefined {
  const slash = key.indexOf("/");
  const prefix = slash < 0 ? undefined : key.slice(0, slash);
  const name = key.slice(slash + 1);
  if (prefix !== undefined) {
    if (prefix === "") return "prefix part must be non-empty";
    const wrong = dnsSubdomain(prefix);
    if (wrong !== undefined) return `prefix part ${wrong}`;
  }
  if (name === "") return "name part must be non-empty";
  if (name.length > 63) return `name part ${tooLong(63)}`;
  if (qualifiedPattern.test(name)) return undefined;
  return `name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', ${used(qualifiedPart)})`;
}
export function labelText(value: string): string | undefined {
  if (value.length > 63) return tooLong(63);
  if (labelValuePattern.test(value)) return undefined;
  return `a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', ${used(labelValue)})`;
}

export function labelErrors(labels: Readonly<Record<string, string>> | undefined, path: string): FieldError[] {
  return Object.entries(labels ?? {}).flatMap(([key, value]) => {
    const wrongKey = qualifiedName(key);
    const wrongValue = labelText(value);
    return [
      ...(wrongKey === undefined ? [] : [invalidValue(path, key, wrongKey)]),
      ...(wrongValue === undefined ? [] : [invalidValue(path, value, wrongValue)]),
    ];
  });
}

/** 256 KiB over all keys and values. */
const annotationBytes = 256 * 1024;

function annotationErrors(annotations: Readonly<Record<string, string>> | undefined): FieldError[] {
  const path = "metadata.annotations";
  let bytes = 0;
  const errors = Object.entries(annotations ?? {}).flatMap(([key, value]) => {
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
    const wrong = qualifiedName(key.toLowerCase());
    return wrong === undefined ? [] : [invalidValue(path, key, wrong)];
  });
  if (bytes > annotationBytes) {
    errors.push({
      path,
      reason: "FieldValueTooLong",
      message: `Too long: may not be more than ${annotationBytes} bytes`,
    });
  }
  return errors;
}

/** Rules of metadata for all kinds. @param checkName the kind's own naming rule. */
export function metadataErrors(object: AnyObject, checkName = dnsSubdomain): FieldError[] {
  const { metadata } = object;
  const wrongName = metadata.name === undefined ? undefined : checkName(metadata.name);
  return [
    ...(wrongName === undefined ? [] : [invalidValue("metadata.name", metadata.name, wrongName)]),
    ...labelErrors(metadata.labels, "metadata.labels"),
    ...annotationErrors(metadata.annotations),
    ...(metadata.finalizers ?? []).flatMap((finalizer, index) => {
      const wrong = qualifiedName(finalizer);
      return wrong === undefined ? [] : [invalidValue(`metadata.finalizers[${index}]`, finalizer, wrong)];
    }),
    ...(metadata.ownerReferences ?? []).flatMap((owner, index) => {
      const path = `metadata.ownerReferences[${index}]`;
      const fields = ["apiVersion", "kind", "name", "uid"] as const;
      return fields
        .filter((field) => !owner[field])
        .map((field) => invalidValue(`${path}.${field}`, owner[field] ?? "", "must not be empty"));
    }),
  ];
}
