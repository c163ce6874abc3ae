// SPDX-License-Identifier: Apache-2.0
// What a layer is made of: its files, and the products that these come from, which the SBOM lists.
import type { Entry } from "./tree.ts";

export interface Component {
  readonly name: string;
  readonly version: string;
  /** Package URL: what scanners look up. */
  readonly purl: string;
  /** As the product declares it: an SPDX expression or a name. */
  readonly license?: string | undefined;
  /** `sha256` or `sha512` of the package as its registry published it, in hexadecimal. */
  readonly hash?: { readonly algorithm: "SHA-256" | "SHA-512"; readonly hex: string } | undefined;
}

export interface Ingredient {
  readonly name: string;
  readonly entries: readonly Entry[];
  readonly components: readonly Component[];
}

/** npm's `sha512-BASE64`. */
export function npmHash(integrity: string | undefined): Component["hash"] {
  const found = /^sha512-(.+)$/.exec(integrity ?? "");
  return found === null ? undefined : { algorithm: "SHA-512", hex: Buffer.from(found[1]!, "base64").toString("hex") };
}

/** The slash of a scope stays, its @ is escaped, as the purl specification has it. */
export const npmPurl = (name: string, version: string): string => `pkg:npm/${name.replace("@", "%40")}@${version}`;
