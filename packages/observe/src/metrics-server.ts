// SPDX-License-Identifier: Apache-2.0
// `/metrics`, `/healthz` and `/readyz` of a role, on loopback unless told otherwise.
import { createServer, type Server } from "node:http";
import type { Registry } from "prom-client";

export interface MetricsServer {
  readonly url: string;
  close(): Promise<void>;
}

export interface MetricsServerOptions {
  readonly registry: Registry;
  /** Undefined: ready; else why not. */
  readonly notReady: () => string | undefined;
  readonly host?: string;
  readonly port: number;
}

/** @throws the listen error (`EADDRINUSE`) as it is. */
export function startMetricsServer(options: MetricsServerOptions): Promise<MetricsServer> {
  const server: Server = createServer((request, response) => {
    const answer = (status: number, text: string, type = "text/plain; charset=utf-8"): void => {
      response.writeHead(status, { "content-type": type }).end(text);
    };
    if (request.url === "/healthz") return answer(200, "ok");
    if (request.url === "/readyz") {
      const why = options.notReady();
      return answer(why === undefined ? 200 : 503, why ?? "ok");
    }
    if (request.url !== "/metrics") return answer(404, "not found");
    options.registry.metrics().then(
      (text) => answer(200, text, options.registry.contentType),
      () => answer(500, "metrics could not be collected"),
    );
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.host ?? "127.0.0.1", () => {
      const address = server.address() as { address: string; port: number };
      resolve({
        url: `http://${address.address}:${address.port}`,
        close: () =>
          new Promise((done) => {
            server.close(() => done());
            server.closeAllConnections();
          }),
      });
    });
  });
}
