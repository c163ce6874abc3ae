// SPDX-License-Identifier: Apache-2.0
// Starting, stopping, and what goes wrong around it: busy ports, a second `up`, Ctrl-C at any moment, killed processes.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { pathToFileURL } from "node:url";
import { type HTTPRoute, type ResourceType, resources } from "@serval/api";
import { Home, hostOf, isReady, root, type Service, servalBin, type Up, within } from "./home.ts";

const serviceFile = async (home: Home, name: string): Promise<string> => {
  const file = join(home.dataDir, `${name}.json`);
  const storageUri = pathToFileURL(join(root, "examples/models/iris-svc")).href;
  const spec = { predictor: { model: { modelFormat: { name: "sklearn" }, storageUri } } };
  const service = { apiVersion: "serving.kserve.io/v1beta1", kind: "InferenceService", metadata: { name }, spec };
  await writeFile(file, JSON.stringify(service));
  return file;
};
const body = { instances: [[6.8, 2.8, 4.8, 1.4]] };
const path = (name: string): string => `/serving/default/${name}/v1/models/${name}:predict`;

describe("a running home", () => {
  let home: Home;
  let up: Up;
  before(async () => {
    home = await Home.make();
    up = await home.ready();
    await home.serval("apply", "-f", await serviceFile(home, "iris"));
    await home.until<Service>("readiness", "iris", isReady);
    await home.askUntil("/serving/default/iris/v1/models", 200);
  });
  after(() => home.close());

  it("a second `up` on its directory is refused and says what to do; the first goes on", async () => {
    const second = await home.serval("up", "--port", String(home.port));
    assert.equal(second.code, 1);
    assert.match(second.stderr, /already up in ".*" \(process \d+\)\nFix: .*serval status.*serval down/);
    assert.equal((await home.ask(path("iris"), { body })).status, 200);
  });

  it("kill -9 of the gateway: it comes back on its port, and models go on", async () => {
    const { gateway } = await home.state();
    process.kill(gateway?.pid as number, "SIGKILL");
    await home.stateUntil(
      "another gateway",
      (state) => state.gateway !== undefined && state.gateway.pid !== gateway?.pid,
    );
    await home.askUntil("/serving/default/iris/v1/models", 200);
    assert.match(up.text, /The gateway ended \(SIGKILL\); starting it again/);
  });

  it("kill -9 of the control plane: requests go on, and afterwards the gateway learns new routes and reports on them", async () => {
    const { controlPlane } = await home.state();
    process.kill(controlPlane?.pid as number, "SIGKILL");
    const isBack = home.stateUntil(
      "another control plane",
      (state) => state.controlPlane !== undefined && state.controlPlane.pid !== controlPlane?.pid,
    );
    let waiting = true;
    void isBack.finally(() => {
      waiting = false;
    });
    let asked = 0;
    while (waiting || asked < 50) {
      assert.equal((await home.ask(path("iris"), { body })).status, 200);
      asked += 1;
    }
    await isBack;
    // The API answers when the first list of this watch does.
    await home.until<Service>("the API", "iris", isReady);
    const applied = await home.serval("apply", "-f", await serviceFile(home, "second"));
    assert.equal(applied.code, 0, applied.stderr);
    const { status } = await home.until<Service>("readiness after the restart", "second", isReady);
    const host = hostOf(status?.url as string);
    await home.askUntil("/serving/default/second/v1/models", 200);
    assert.equal((await home.ask("/v1/models/second:predict", { host, body })).status, 200);
    const accepted = ({ status: is }: HTTPRoute): boolean =>
      is?.parents?.[0]?.controllerName === "serval.dev/gateway" &&
      is.parents[0].conditions?.every((condition) => condition.status === "True") === true;
    const type = resources.httpRoutes as unknown as ResourceType;
    await home.until<HTTPRoute>("status of the new route", "second", accepted, type);
  });

  it("`serval down` ends it from outside, with every process", async () => {
    const { code, stdout } = await home.serval("down");
    assert.equal(code, 0);
    assert.match(stdout, /Stopped the home in/);
    assert.equal(await within("end of serval up", up.ended), 0);
    assert.deepEqual(await home.leftovers(), []);
    assert.match((await home.serval("down")).stdout, /No embedded home runs/);
  });
});

describe("starting", () => {
  let home: Home;
  beforeEach(async () => {
    home = await Home.make();
  });
  afterEach(() => home.close());

  it("a port that another program uses: one message, nothing left behind", async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(home.port, "127.0.0.1", resolve));
    try {
      const up = home.up();
      assert.equal(await within("end of serval up", up.ended), 1);
      assert.match(up.text, new RegExp(`Cannot listen on port ${home.port}: another program uses it\nFix: .*--port N`));
    } finally {
      other.close();
    }
    assert.deepEqual(await home.leftovers(), []);
  });
  it("a data directory that cannot be", async () => {
    const file = join(home.dataDir, "file");
    await writeFile(file, "");
    const result = await home.run(process.execPath, [servalBin, "up", "--data-dir", join(file, "below")]);
    assert.equal(result.code, 1);
    assert.match(result.stderr, /Cannot use data directory ".*below": .*\nFix: .*--data-dir DIR/);
  });

  const moments = [
    { name: "at once, when the directory is there", until: () => home.stateUntil("state", () => true) },
    {
      name: "when the control plane starts",
      until: () => home.stateUntil("control plane", ({ controlPlane }) => controlPlane !== undefined),
    },
    {
      name: "when the gateway starts",
      until: () => home.stateUntil("gateway", ({ gateway }) => gateway !== undefined),
    },
    { name: "while models load", until: (up: Up) => up.prints(/\n {2}flowers +(pulling|loading)/) },
  ];
  for (const { name, until } of moments)
    it(`Ctrl-C ${name}: it ends, and leaves no process`, async () => {
      const up = home.up("--example", "transformer");
      await Promise.race([until(up), up.ended]);
      up.child.kill("SIGINT");
      await within("end of serval up", up.ended);
      assert.deepEqual(await home.leftovers(), []);
    });

  it("in the background, and away with everything", async () => {
    const { code, stdout } = await home.serval("up", "--detach", "--port", String(home.port));
    assert.equal(code, 0, stdout);
    assert.match(stdout, /is up \(process \d+\); stop it with: serval down/);
    assert.equal((await home.ask("/-/healthz")).text, "ok");
    assert.equal((await stat(home.kubeconfig)).mode & 0o777, 0o600);
    const down = await home.serval("down", "--wipe");
    assert.match(down.stdout, /Stopped, and deleted/);
    assert.equal(existsSync(home.kubeconfig), false);
    assert.deepEqual(await home.leftovers(), []);
    await mkdir(home.dataDir, { recursive: true });
  });
});
