// SPDX-License-Identifier: Apache-2.0
// The load counts what it must not overlook: an error status, a connection that is cut, a polite hang-up without an answer.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { after, describe, it } from "node:test";
import { Load } from "./load.ts";

type Misdeed = (request: IncomingMessage, response: ServerResponse) => void;

async function serving(misdeed: Misdeed): Promise<{ server: Server; url: string }> {
  let requests = 0;
  const server = createServer((request, response) => {
    request.resume();
    request.on("end", () => (++requests === 50 ? misdeed(request, response) : response.end(String(requests % 2))));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return { server, url: `http://127.0.0.1:${(server.address() as { port: number }).port}` };
}

describe("Load", () => {
  const servers: Server[] = [];
  after(() => {
    for (const server of servers) server.close().closeAllConnections();
  });
  const cases: Record<string, { misdeed: Misdeed; failed: object }> = {
    "nothing when all is well": { misdeed: (_request, response) => response.end("0"), failed: {} },
    "an error status": { misdeed: (_request, response) => response.writeHead(503).end(), failed: { non2xx: 1 } },
    "a cut connection": {
      misdeed: ({ socket }) => void socket.resetAndDestroy(),
      failed: { errors: 1, unanswered: 1 },
    },
    "a hang-up without an answer": { misdeed: ({ socket }) => void socket.end(), failed: { unanswered: 1 } },
  };
  for (const [what, { misdeed, failed }] of Object.entries(cases)) {
    it(`counts ${what}`, async () => {
      const { server, url } = await serving(misdeed);
      servers.push(server);
      const load = new Load(url, "service.example", {});
      const answers = await load.next(200);
      assert.equal(
        [...answers.values()].reduce((sum, count) => sum + count, 0),
        200,
      );
      const totals = await load.stop();
      assert.deepEqual(totals.failed, failed);
      assert.ok(totals.requests >= 200);
    });
  }
});
