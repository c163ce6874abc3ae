// SPDX-License-Identifier: Apache-2.0
// An image's configuration and manifest, by the OCI image specification. Pure: the same input gives the same digest.
import { createHash } from "node:crypto";
import { type Layer, layerMediaType } from "./layer.ts";
import type { PlannedImage } from "./plan.ts";
import type { Platform } from "./platform.ts";
import { nonRoot } from "./tree.ts";

export const configMediaType = "application/vnd.oci.image.config.v1+json";
export const manifestMediaType = "application/vnd.oci.image.manifest.v1+json";
export const indexMediaType = "application/vnd.oci.image.index.v1+json";

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** Small content that is addressed by its digest. */
export interface Blob {
  readonly descriptor: Descriptor;
  readonly bytes: Buffer;
}

export interface Image {
  readonly name: string;
  readonly platform: Platform;
  readonly config: Blob;
  readonly manifest: Blob;
  readonly layers: readonly Layer[];
}

/** Where the sources come from; both undefined in a changed work tree, so that a digest names what is in the image. */
export interface Provenance {
  readonly version: string;
  readonly revision: string | undefined;
  /** RFC 3339; the beginning of time where nothing says it. */
  readonly created: string;
}

export const jsonBlob = (mediaType: string, value: unknown): Blob => {
  const bytes = Buffer.from(JSON.stringify(value), "utf8");
  const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
  return { bytes, descriptor: { mediaType, digest, size: bytes.length } };
};

const environment: Readonly<Record<string, string>> = {
  PATH: "/usr/local/bin:/usr/bin",
  HOME: "/home/nonroot",
  SSL_CERT_FILE: "/etc/ssl/certs/ca-certificates.crt",
};

export const labelsOf = ({ title }: PlannedImage, { version, revision, created }: Provenance) => ({
  "org.opencontainers.image.title": title,
  "org.opencontainers.image.version": version,
  "org.opencontainers.image.licenses": "Apache-2.0",
  "org.opencontainers.image.vendor": "Serval",
  "org.opencontainers.image.created": created,
  ...(revision === undefined ? {} : { "org.opencontainers.image.revision": revision }),
});

export function assembleImage(
  planned: PlannedImage,
  input: { readonly layers: readonly Layer[]; readonly platform: Platform; readonly provenance: Provenance },
): Image {
  const { layers, platform, provenance } = input;
  const labels = labelsOf(planned, provenance);
  const config = jsonBlob(configMediaType, {
    created: provenance.created,
    architecture: platform.architecture,
    os: "linux",
    config: {
      User: `${nonRoot}:${nonRoot}`,
      Env: Object.entries({ ...environment, ...planned.env }).map(([name, value]) => `${name}=${value}`),
      Entrypoint: ["/usr/local/bin/serval", ...planned.arguments],
      WorkingDir: "/home/nonroot",
      StopSignal: "SIGTERM",
      Labels: labels,
    },
    rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
    history: layers.map(({ name }) => ({ created: provenance.created, created_by: `serval images: ${name}` })),
  });
  const manifest = jsonBlob(manifestMediaType, {
    schemaVersion: 2,
    mediaType: manifestMediaType,
    config: config.descriptor,
    layers: layers.map(({ digest, sizeBytes }) => ({ mediaType: layerMediaType, digest, size: sizeBytes })),
    annotations: labels,
  });
  return { name: planned.name, platform, config, manifest, layers };
}
