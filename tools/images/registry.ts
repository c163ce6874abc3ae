// SPDX-License-Identifier: Apache-2.0
// Pushes an image to a registry by the OCI distribution specification: blobs that are there already are not sent again.
import { openAsBlob } from "node:fs";
import { type Descriptor, type Image, manifestMediaType } from "./image.ts";

export interface PushTarget {
  /** HOST[:PORT][/PATH] */
  readonly registry: string;
  /** base64 of USER:PASSWORD. */
  readonly basic?: string | undefined;
  readonly say?: (line: string) => void;
}

/** A name in parts, with the registry that it is pushed to in place of its own. */
export function destination(name: string, registry: string): { host: string; path: string; tag: string } {
  const [host = "", ...prefix] = registry.replace(/^https?:\/\/|\/$/g, "").split("/");
  const colon = name.lastIndexOf(":");
  const own = name.slice(name.indexOf("/") + 1, colon);
  return { host, path: [...prefix, own].join("/"), tag: name.slice(colon + 1) };
}

/** Registries of this machine speak plain HTTP, as for every container engine. */
const originOf = (host: string): string =>
  /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/.test(host) ? `http://${host}` : `https://${host}`;

/** The parameters of a `WWW-Authenticate: Bearer realm="…",service="…",scope="…"`. */
export function bearerChallenge(header: string): Readonly<Record<string, string>> | undefined {
  if (!/^bearer /i.test(header)) return undefined;
  return Object.fromEntries([...header.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, value]) => [key!, value!]));
}

class Registry {
  private readonly origin: string;
  private readonly basic: string | undefined;
  private authorization: string | undefined;

  constructor(host: string, basic: string | undefined) {
    this.origin = originOf(host);
    this.basic = basic;
  }

  /** One request; a registry that asks for a token gets one and is asked again. @throws Error for any other refusal. */
  async send(method: string, path: string, init: { body?: Blob | Buffer; type?: string } = {}): Promise<Response> {
    const url = new URL(path, this.origin);
    const once = (): Promise<Response> =>
      fetch(url, {
        method,
        headers: {
          ...(this.authorization === undefined ? {} : { authorization: this.authorization }),
          ...(init.type === undefined ? {} : { "content-type": init.type }),
        },
        ...(init.body === undefined ? {} : { body: init.body as BodyInit }),
      }).catch((error: Error) => {
        const why = error.cause instanceof Error ? error.cause.message : error.message;
        throw new Error(`Cannot push to ${url.host}: ${why}\nFix: check the registry's name and the network`);
      });
    const first = await once();
    if (first.status !== 401 || this.authorization !== undefined) return first;
    await first.body?.cancel();
    this.authorization = await this.authorize(first.headers.get("www-authenticate") ?? "");
    return once();
  }

  private async authorize(challenge: string): Promise<string> {
    const bearer = bearerChallenge(challenge);
    const basic = this.basic === undefined ? undefined : `Basic ${this.basic}`;
    if (bearer?.["realm"] === undefined) {
      if (basic !== undefined) return basic;
      throw new Error(
        `Cannot push to ${this.origin}: it asks for credentials\nFix: set REGISTRY_USER and REGISTRY_PASSWORD, or log in with docker or podman`,
      );
    }
    const url = new URL(bearer["realm"]);
    for (const key of ["service", "scope"]) if (bearer[key] !== undefined) url.searchParams.set(key, bearer[key]);
    const answer = await fetch(url, basic === undefined ? {} : { headers: { authorization: basic } });
    const { token, access_token } = answer.ok ? ((await answer.json()) as Record<string, string | undefined>) : {};
    const found = token ?? access_token;
    if (found !== undefined) return `Bearer ${found}`;
    throw new Error(
      `Cannot push to ${this.origin}: ${url.host} gave no token (${answer.status})\nFix: check REGISTRY_USER and REGISTRY_PASSWORD`,
    );
  }
}

async function expect(answer: Response, ...statuses: number[]): Promise<Response> {
  if (statuses.includes(answer.status)) return answer;
  const text = (await answer.text()).slice(0, 500);
  throw new Error(
    `Cannot push: ${answer.url} answered ${answer.status} ${text}\nFix: check that the credentials may push to this path`,
  );
}

interface Upload {
  readonly descriptor: Pick<Descriptor, "digest">;
  readonly body: () => Promise<Blob | Buffer>;
}

async function pushBlob(registry: Registry, path: string, { descriptor: { digest }, body }: Upload): Promise<boolean> {
  const found = await registry.send("HEAD", `/v2/${path}/blobs/${digest}`);
  if (found.status === 200) return false;
  const started = await expect(await registry.send("POST", `/v2/${path}/blobs/uploads/`), 202);
  const upload = new URL(started.headers.get("location") ?? "", started.url);
  upload.searchParams.set("digest", digest);
  const answer = await registry.send("PUT", upload.href, { body: await body(), type: "application/octet-stream" });
  await expect(answer, 201, 204);
  return true;
}

/** @returns the name that it has in the registry. @throws Error with what the registry said. */
export async function pushImage(image: Image, target: PushTarget): Promise<string> {
  const { host, path, tag } = destination(image.name, target.registry);
  const registry = new Registry(host, target.basic);
  const uploads: Upload[] = [
    ...image.layers.map(({ digest, file }) => ({ descriptor: { digest }, body: () => openAsBlob(file) })),
    { descriptor: image.config.descriptor, body: async () => image.config.bytes },
  ];
  let sent = 0;
  for (const upload of uploads) if (await pushBlob(registry, path, upload)) sent += 1;
  const { bytes } = image.manifest;
  await expect(
    await registry.send("PUT", `/v2/${path}/manifests/${tag}`, { body: bytes, type: manifestMediaType }),
    201,
  );
  const name = `${host}/${path}:${tag}`;
  target.say?.(`pushed ${name}  ${image.manifest.descriptor.digest}  (${sent} of ${uploads.length} blobs were new)`);
  return name;
}
