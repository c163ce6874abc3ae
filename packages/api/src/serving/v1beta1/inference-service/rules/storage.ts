// SPDX-License-Identifier: Apache-2.0
// Rules 7 and 8 of KServe's validator: storageUris and confidential serving.
import type { Finding } from "@serval/api/errors/index.ts";
import { type ComponentSpec, implementationsOf, type Role } from "../implementations.ts";
import { componentsOf, finding, none, type Rule } from "./rule.ts";

interface StorageUri {
  uri: string;
  mountPath?: string | undefined;
}

/** The one URI of a component: of its model, or STORAGE_URI of its own container. */
export function storageUriOf(role: Role, component: ComponentSpec): string | undefined {
  const [implementation] = implementationsOf(role, component);
  if (implementation === undefined) return undefined;
  if (implementation.kind === "custom")
    return implementation.spec.env?.find(({ name }) => name === "STORAGE_URI")?.value;
  return implementation.spec.storageUri;
}

const invalid = (path: string, message: string): Finding => finding("InvalidStorage", path, message);

function pathFinding(path: string, mountPath: string): Finding | undefined {
  if (mountPath === "/" || mountPath === "") return invalid(path, "storage path cannot be empty");
  if (!mountPath.startsWith("/")) return invalid(path, `storage path must be absolute: ${mountPath}`);
  if (mountPath.split("/").includes("..") || mountPath.includes(".."))
    return invalid(path, `storage path cannot contain '..' for security reasons: ${mountPath}`);
  return undefined;
}

/** The deepest folder that contains all paths; "/" when there is none below the root. */
export function commonParent(paths: readonly string[]): string {
  const [first = "", ...rest] = paths;
  let segments = first.split("/").filter((segment) => segment !== "");
  for (const path of rest) {
    const others = path.split("/").filter((segment) => segment !== "");
    const end = segments.findIndex((segment, index) => segment !== others[index]);
    if (end >= 0) segments = segments.slice(0, end);
  }
  return `/${segments.join("/")}`;
}

function listFindings(base: string, uris: readonly StorageUri[]): Finding[] {
  const found: Finding[] = [];
  uris.forEach(({ uri, mountPath = "/mnt/models" }, index) => {
    if (uri === "") found.push(invalid(`${base}[${index}].uri`, "storage URI cannot be empty"));
    const bad = pathFinding(`${base}[${index}].mountPath`, mountPath);
    if (bad !== undefined) found.push(bad);
  });
  if (found.length > 0) return found;
  const isClaim = ({ uri }: StorageUri) => uri.startsWith("pvc://");
  const pathsOf = (selected: readonly StorageUri[]) => selected.map(({ mountPath = "/mnt/models" }) => mountPath);
  const claims = pathsOf(uris.filter(isClaim));
  if (new Set(claims).size !== claims.length) found.push(invalid(base, "PVC storage paths must be unique"));
  const paths = pathsOf(uris.filter((entry) => !isClaim(entry)));
  if (paths.length > 1 && commonParent(paths) === "/")
    found.push(
      invalid(
        base,
        `storage paths must have a common parent directory. Current paths: [${paths.join(" ")}] have no common parent beyond root`,
      ),
    );
  return found;
}

/** KServe's order: transformer, explainer, predictor. */
const storageOrder: readonly Role[] = ["transformer", "explainer", "predictor"];

export const validStorageUris: Rule = (isvc) =>
  storageOrder.flatMap((role) => {
    const component = isvc.spec?.[role];
    if (component?.storageUris === undefined) return none;
    const path = `spec.${role}.storageUris`;
    const single = storageUriOf(role, component);
    if (single !== undefined && single !== "")
      return [invalid(path, "Setting both StorageURI and StorageURIs is not supported.")];
    return listFindings(path, component.storageUris);
  });

const resourceId = /^kbs:\/\/\/[^/]+\/[^/]+\/[^/]+$/;

export const validConfidential: Rule = (isvc) =>
  componentsOf(isvc).flatMap(({ role, component }) => {
    const [implementation] = implementationsOf(role, component);
    if (implementation?.kind !== "model" && implementation?.kind !== "framework") return none;
    const { confidential, storageUri } = implementation.spec;
    if (confidential?.enabled !== true) return none;
    const path = `spec.predictor.${implementation.name === "model" ? "" : `${implementation.name}.`}confidential`;
    if (storageUri === undefined || storageUri === "")
      return [finding("InvalidConfidential", path, "confidential model serving requires storageUri to be set")];
    const id = confidential.resourceId ?? "";
    if (id === "" || resourceId.test(id)) return none;
    const field = "spec.predictor.confidential.resourceId";
    return [
      finding(
        "InvalidConfidential",
        field,
        `${field}: Invalid value: "${id}": must be in the format kbs:///<repo>/<type>/<tag>`,
      ),
    ];
  });

/** Not errors: settings that do nothing. */
export function storageWarnings(isvc: Parameters<Rule>[0]): string[] {
  const model = isvc.spec?.predictor?.model;
  if (model?.confidential?.enabled !== true) return [];
  if (model.storageUri?.startsWith("oci://") === true)
    return [
      "confidential has no effect with OCI URIs; OCI image decryption is handled by the container runtime via runtimeClassName",
    ];
  if (model.storageUri?.startsWith("pvc://") === true)
    return ["confidential has no effect with PVC URIs; the storage-initializer is not injected for PVC volumes"];
  return [];
}
