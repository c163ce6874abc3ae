// SPDX-License-Identifier: Apache-2.0
// The bill of materials of an image, as CycloneDX 1.6: every Debian package, Node, every npm package whose code is in it.
// Pure and without a clock: it lies in the image itself, so the same content must give the same bytes.
import type { Component } from "./component.ts";

export interface SbomInput {
  readonly image: string;
  readonly version: string;
  readonly components: readonly Component[];
}

/** An SPDX identifier, an expression of them, or a name of somebody's own. */
function licenceEntry(license: string): object {
  if (/^[A-Za-z0-9.+-]+$/.test(license)) return { license: { id: license } };
  return / (AND|OR|WITH) /.test(license) ? { expression: license } : { license: { name: license } };
}

const componentEntry = ({ name, version, purl, license, hash }: Component): object => ({
  type: "library",
  "bom-ref": purl,
  name,
  version,
  purl,
  ...(license === undefined ? {} : { licenses: [licenceEntry(license)] }),
  ...(hash === undefined ? {} : { hashes: [{ alg: hash.algorithm, content: hash.hex }] }),
});

/** @returns the document as text, components sorted by package URL, each once. */
export function sbomOf({ image, version, components }: SbomInput): string {
  const byPurl = new Map(components.map((component) => [component.purl, component]));
  const sorted = [...byPurl.values()].sort((a, b) => (a.purl < b.purl ? -1 : 1));
  const root = `pkg:oci/${image}@${version}`;
  return `${JSON.stringify(
    {
      $schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
      bomFormat: "CycloneDX",
      specVersion: "1.6",
      version: 1,
      metadata: {
        component: { type: "container", "bom-ref": root, name: image, version, licenses: [licenceEntry("Apache-2.0")] },
      },
      components: sorted.map(componentEntry),
      dependencies: [{ ref: root, dependsOn: sorted.map(({ purl }) => purl) }],
    },
    undefined,
    1,
  )}\n`;
}
