// SPDX-License-Identifier: Apache-2.0
// The kinds with few rules: Namespace, Secret, ConfigMap, volumes, EndpointSlice, Ingress, Lease, CRD.
// Source: k8s.io/kubernetes/pkg/apis/core/v1/defaults.go, pkg/apis/core/validation/validation.go
import { isDeepStrictEqual } from "node:util";
import type {
  AnyObject,
  ConfigMap,
  EndpointSlice,
  Namespace,
  PersistentVolume,
  PersistentVolumeClaim,
  Secret,
} from "@serval/api";
import type { FieldError } from "@serval/kube/patch/contract";
import type { KindRules } from "../resources/resource.ts";
import { dnsLabel, forbiddenField, invalidValue, required, unsupported } from "./finding.ts";

export const namespaceRules: KindRules = {
  initialStatus: () => ({ phase: "Active" }),
  validateName: dnsLabel,
  admitCreate(object) {
    const namespace = object as unknown as Namespace;
    namespace.spec = { finalizers: ["kubernetes"] };
  },
  prepareUpdate(next, old) {
    // Only the finalize subresource may change these. Source: registry/core/namespace/strategy.go
    next["spec"] = structuredClone(old["spec"]);
  },
  defaults(object) {
    const { metadata } = object;
    metadata.labels = { ...metadata.labels, "kubernetes.io/metadata.name": metadata.name ?? "" };
  },
};

const dataKey = /^[-._a-zA-Z0-9]+$/;
const keyErrors = (data: Readonly<Record<string, unknown>> | undefined, path: string): FieldError[] =>
  Object.keys(data ?? {})
    .filter((key) => !dataKey.test(key) || key === "." || key === "..")
    .map((key) =>
      invalidValue(
        `${path}[${key}]`,
        key,
        "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
      ),
    );

const isBase64 = (text: unknown): boolean =>
  typeof text === "string" && text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text);

function frozenData(
  next: Secret | ConfigMap,
  old: Secret | ConfigMap | undefined,
  field: "data" | "binaryData",
): FieldError[] {
  if (old?.immutable !== true) return [];
  const before = (old as unknown as Record<string, unknown>)[field];
  const after = (next as unknown as Record<string, unknown>)[field];
  const errors = isDeepStrictEqual(before ?? {}, after ?? {})
    ? []
    : [forbiddenField(field, "field is immutable when `immutable` is set")];
  return next.immutable === true
    ? errors
    : [...errors, forbiddenField("immutable", "field is immutable when `immutable` is set")];
}

export const secretRules: KindRules = {
  defaults(object) {
    const secret = object as unknown as Secret;
    secret.type ||= "Opaque";
    if (secret.stringData === undefined) return;
    const encoded = Object.entries(secret.stringData).map(([key, text]) => [
      key,
      Buffer.from(String(text)).toString("base64"),
    ]);
    secret.data = { ...secret.data, ...Object.fromEntries(encoded) };
    delete secret.stringData;
  },
  validate(next, old) {
    const secret = next as unknown as Secret;
    const before = old as unknown as Secret | undefined;
    const errors = keyErrors(secret.data, "data");
    for (const [key, text] of Object.entries(secret.data ?? {})) {
      // The value stays out of the message: it may be the secret, only badly encoded.
      if (!isBase64(text))
        errors.push({
          path: `data[${key}]`,
          reason: "FieldValueInvalid",
          message: "Invalid value: the value is not base64; use `stringData` for plain text",
        });
    }
    if (before !== undefined && before.type !== secret.type)
      errors.push(invalidValue("type", secret.type, "field is immutable"));
    return [...errors, ...frozenData(secret, before, "data")];
  },
};

export const configMapRules: KindRules = {
  validate(next, old) {
    const map = next as unknown as ConfigMap;
    const before = old as unknown as ConfigMap | undefined;
    const twice = Object.keys(map.data ?? {}).filter((key) => Object.hasOwn(map.binaryData ?? {}, key));
    return [
      ...keyErrors(map.data, "data"),
      ...keyErrors(map.binaryData, "binaryData"),
      ...twice.map((key) => invalidValue(`data[${key}]`, key, "duplicate of key present in binaryData")),
      ...frozenData(map, before, "data"),
      ...frozenData(map, before, "binaryData"),
    ];
  },
};

const accessModes = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];
function accessErrors(modes: readonly string[] | undefined): FieldError[] {
  if ((modes ?? []).length === 0) return [required("spec.accessModes", "at least 1 access mode is required")];
  return (modes ?? [])
    .filter((mode) => !accessModes.includes(mode))
    .map((mode) => unsupported("spec.accessModes", mode, accessModes));
}

/** A claim's spec is fixed but for growing and for what binding fills in. */
function claimPart(claim: PersistentVolumeClaim | undefined): unknown {
  const {
    resources: _r,
    volumeName: _v,
    volumeAttributesClassName: _a,
    storageClassName: _s,
    ...rest
  } = claim?.spec ?? {};
  return rest;
}

export const claimRules: KindRules = {
  initialStatus: () => ({ phase: "Pending" }),
  defaults(object) {
    const { spec } = object as unknown as PersistentVolumeClaim;
    if (spec !== undefined) spec.volumeMode ??= "Filesystem";
  },
  validate(next, old) {
    const claim = next as unknown as PersistentVolumeClaim;
    const errors = accessErrors(claim.spec?.accessModes);
    if (claim.spec?.resources?.requests?.["storage"] === undefined) errors.push(required("spec.resources[storage]"));
    if (old !== undefined && !isDeepStrictEqual(claimPart(claim), claimPart(old as unknown as PersistentVolumeClaim))) {
      errors.push(
        forbiddenField(
          "spec",
          "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims",
        ),
      );
    }
    return errors;
  },
};

export const volumeRules: KindRules = {
  initialStatus: () => ({ phase: "Pending" }),
  defaults(object) {
    const { spec } = object as unknown as PersistentVolume;
    if (spec === undefined) return;
    spec.persistentVolumeReclaimPolicy ||= "Retain";
    spec.volumeMode ??= "Filesystem";
    if (spec.hostPath !== undefined) spec.hostPath.type ??= "";
    if (spec.claimRef !== undefined) {
      spec.claimRef.kind ??= "PersistentVolumeClaim";
      spec.claimRef.apiVersion ??= "v1";
    }
  },
  validate(next) {
    const { spec } = next as unknown as PersistentVolume;
    const errors = accessErrors(spec?.accessModes);
    if (spec?.capacity?.["storage"] === undefined) errors.push(required("spec.capacity"));
    return errors;
  },
};

export const endpointSliceRules: KindRules = {
  defaults(object) {
    for (const port of (object as unknown as EndpointSlice).ports ?? []) {
      port.name ??= "";
      port.protocol ??= "TCP";
    }
    for (const endpoint of (object as unknown as EndpointSlice).endpoints ?? []) endpoint.conditions ??= {};
  },
  validate(next, old) {
    const slice = next as unknown as EndpointSlice;
    const types = ["FQDN", "IPv4", "IPv6"];
    const errors: FieldError[] = [];
    if (!slice.addressType) errors.push(required("addressType"));
    else if (!types.includes(slice.addressType)) errors.push(unsupported("addressType", slice.addressType, types));
    if (old !== undefined && old["addressType"] !== slice.addressType)
      errors.push(invalidValue("addressType", slice.addressType, "field is immutable"));
    for (const [index, { addresses }] of (slice.endpoints ?? []).entries()) {
      if ((addresses ?? []).length === 0)
        errors.push(required(`endpoints[${index}].addresses`, "must contain at least 1 address"));
    }
    return errors;
  },
};

export const ingressRules: KindRules = { initialStatus: () => ({ loadBalancer: {} }) };

/** What Go shows of a node without a status. */
const emptyNodeStatus = () => ({
  daemonEndpoints: { kubeletEndpoint: { Port: 0 } },
  nodeInfo: {
    machineID: "",
    systemUUID: "",
    bootID: "",
    kernelVersion: "",
    osImage: "",
    containerRuntimeVersion: "",
    kubeletVersion: "",
    kubeProxyVersion: "",
    operatingSystem: "",
    architecture: "",
  },
});

/** A node is not tainted on creation: nothing here would take the taint off when it is ready. */
export const nodeRules: KindRules = {
  admitCreate(object) {
    object["spec"] ??= {};
    object["status"] = { ...emptyNodeStatus(), ...(object["status"] as object | undefined) };
  },
};

/** Kinds that have a status and keep what the creator sends in it. */
export const keepsStatusOnCreate = (object: AnyObject): boolean => object.kind === "Node";
