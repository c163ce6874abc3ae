// SPDX-License-Identifier: Apache-2.0
// A registry of the OCI distribution specification in memory, as strict as the real ones where a client can be wrong:
// digests are checked, a manifest needs its blobs, and with credentials a token is asked for.
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface RegistryServer extends AsyncDisposable {
  /** HOST:PORT */
  readonly host: string;
  readonly blobs: ReadonlyMap<string, Buffer>;
  /** By PATH:TAG. */
  readonly manifests: ReadonlyMap<string, { readonly type: string; readonly bytes: Buffer }>;
  /** METHOD PATH of every request, in order. */
  readonly requests: readonly string[];
}

const token = "a-token";

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

class MemoryRegistry {
  readonly blobs = new Map<string, Buffer>();
  readonly manifests = new Map<string, { type: string; bytes: Buffer }>();
  readonly requests: string[] = [];
  private readonly password: string | undefined;
  host = "";

  constructor(password: string | undefined) {
    this.password = password;
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", `http://${this.host}`);
    this.requests.push(`${request.method} ${url.pathname}`);
    const bytes = await bodyOf(request);
    if (url.pathname === "/token") return this.giveToken(request, response);
    if (this.password !== undefined && request.headers.authorization !== `Bearer ${token}`) {
      const challenge = `Bearer realm="http://${this.host}/token",service="test",scope="repository:any:pull,push"`;
      return void response.writeHead(401, { "www-authenticate": challenge }).end("{}");
    }
    const blob = /^\/v2\/(.+)\/blobs\/(uploads\/)?(.*)$/.exec(url.pathname);
    const manifest = /^\/v2\/(.+)\/manifests\/(.+)$/.exec(url.pathname);
    if (blob !== null && request.method === "HEAD")
      return void response.writeHead(this.blobs.has(blob[3]!) ? 200 : 404).end();
    if (blob !== null && request.method === "POST")
      return void response.writeHead(202, { location: `/v2/${blob[1]}/blobs/uploads/1?state=x` }).end();
    if (blob !== null && request.method === "PUT") return this.storeBlob(url, bytes, response);
    if (manifest !== null && request.method === "PUT") {
      const { layers, config } = JSON.parse(bytes.toString()) as Record<"layers", { digest: string }[]> & {
        config: { digest: string };
      };
      if (![config, ...layers].every(({ digest }) => this.blobs.has(digest)))
        return void response.writeHead(400).end('{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN"}]}');
      this.manifests.set(`${manifest[1]}:${manifest[2]}`, { type: request.headers["content-type"] ?? "", bytes });
      return void response.writeHead(201).end();
    }
    response.writeHead(404).end();
  }

  private giveToken(request: IncomingMessage, response: ServerResponse): void {
    const expected = `Basic ${Buffer.from(`user:${this.password}`).toString("base64")}`;
    if (request.headers.authorization !== expected) return void response.writeHead(401).end();
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ token }));
  }

  private storeBlob(url: URL, bytes: Buffer, response: ServerResponse): void {
    const digest = url.searchParams.get("digest") ?? "";
    const actual = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
    const isRight = digest === actual && url.searchParams.get("state") === "x";
    if (!isRight) return void response.writeHead(400).end('{"errors":[{"code":"DIGEST_INVALID"}]}');
    this.blobs.set(digest, bytes);
    response.writeHead(201).end();
  }
}

/** @param password of the user `user`; undefined: everybody may push. */
export async function startRegistry(password?: string): Promise<RegistryServer> {
  const registry = new MemoryRegistry(password);
  const server = createServer((request, response) => {
    registry.answer(request, response).catch((error: Error) => response.writeHead(500).end(error.message));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  registry.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return Object.assign(registry, {
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}
