// SPDX-License-Identifier: Apache-2.0
// The cluster suite on the embedded API server: in process, and over HTTPS with a client certificate.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createCluster, remoteTransport } from "@serval/kube";
import { clusterSuite } from "@serval/kube/cluster.suite.ts";
import { silentLogger } from "@serval/observe";
import { loadPki } from "../pki/index.ts";
import { memoryStore } from "../store/index.ts";
import { createApiServer } from "./index.ts";

const startServer = () => createApiServer({ store: memoryStore(), crds: [], admission: [], log: silentLogger });

clusterSuite("the embedded server, in process", async () => {
  const server = await startServer();
  return { cluster: createCluster(server.transport, "suite"), close: () => server.close() };
});

clusterSuite("the embedded server, over HTTPS", async () => {
  const server = await startServer();
  const dir = await mkdtemp(join(tmpdir(), "serval-pki-"));
  const pki = await loadPki(dir);
  const front = await server.listen({ host: "127.0.0.1", port: 0, pki });
  const transport = remoteTransport({ server: front.url, ca: pki.ca.cert, cert: pki.admin.cert, key: pki.admin.key });
  return {
    cluster: createCluster(transport, "suite"),
    close: async () => {
      await transport.close();
      await front.close();
      await server.close();
      await rm(dir, { recursive: true });
    },
  };
});
