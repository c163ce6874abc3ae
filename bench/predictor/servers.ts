// SPDX-License-Identifier: Apache-2.0
// The servers that are compared, each a process pinned to one core: the floor (node:http that echoes the same bytes),
// Serval, and with --peers MLServer and KServe's Python server from PyPI.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export interface ModelUnderTest {
  readonly name: string;
  readonly framework: "xgboost" | "sklearn";
  readonly folder: string;
  readonly file: string;
}
export interface RunningServer {
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
}
export interface Kind {
  readonly name: string;
  /** Protocols that it speaks for this model. */
  readonly protocols: readonly ("v1" | "v2")[];
  start(model: ModelUnderTest): Promise<RunningServer>;
}

const ECHO = `require("node:http").createServer((request, response) => {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk)).on("end", () => {
    const body = Buffer.concat(chunks);
    response.writeHead(200, { "content-type": "application/json", "content-length": body.length }).end(body);
  });
}).listen(Number(process.argv[1]), "127.0.0.1")`;

export const floor: Kind = {
  name: "node:http echo",
  protocols: ["v1", "v2"],
  start: async () => {
    const port = await freePort();
    return run([process.execPath, "-e", ECHO, String(port)], port);
  },
};

export const serval: Kind = {
  name: "serval",
  protocols: ["v1", "v2"],
  async start({ framework, folder }) {
    const port = await freePort();
    return run(
      [
        process.execPath,
        here("../../packages/model-server/bin/serve.ts"),
        "--model_name=m",
        `--model_dir=${folder}`,
        `--framework=${framework}`,
        `--http_port=${port}`,
      ],
      port,
    );
  },
};

export const mlserver = (python: string): Kind => ({
  name: "MLServer",
  protocols: ["v2"],
  async start({ framework, folder, file }) {
    const [port, grpc, metrics] = [await freePort(), await freePort(), await freePort()];
    const root = await mkdtemp(join(tmpdir(), "serval-bench-"));
    const implementation = framework === "xgboost" ? "mlserver_xgboost.XGBoostModel" : "mlserver_sklearn.SKLearnModel";
    await writeFile(
      join(root, "settings.json"),
      JSON.stringify({
        host: "127.0.0.1",
        http_port: port,
        grpc_port: grpc,
        metrics_port: metrics,
        parallel_workers: 0,
        debug: false,
      }),
    );
    await writeFile(
      join(root, "model-settings.json"),
      JSON.stringify({ name: "m", implementation, parameters: { uri: join(folder, file) } }),
    );
    return run([python, "-m", "mlserver.cli.main", "start", root], port, { path: "/v2/models/m/ready" });
  },
});

export const kserve = (python: string): Kind => ({
  name: "KServe Python server",
  protocols: ["v1", "v2"],
  async start({ framework, folder, file }) {
    const port = await freePort();
    return run(
      [
        python,
        here("./peers/kserve_server.py"),
        framework,
        join(folder, file),
        `--http_port=${port}`,
        "--enable_grpc=false",
        "--model_name=m",
      ],
      port,
      { path: "/v2/models/m/ready" },
    );
  },
});

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

async function run(
  command: readonly string[],
  port: number,
  probe: { path: string } = { path: "/" },
): Promise<RunningServer> {
  const pinned = process.platform === "linux" ? ["taskset", "-c", "0", ...command] : [...command];
  const child = spawn(pinned[0]!, pinned.slice(1), { stdio: ["ignore", "ignore", "pipe"] });
  let errors = "";
  child.stderr.on("data", (text: Buffer) => {
    errors = `${errors}${text.toString()}`.slice(-1500);
  });
  const deadline = performance.now() + 60_000;
  while (!(await answers(`http://127.0.0.1:${port}${probe.path}`))) {
    if (child.exitCode !== null || performance.now() > deadline)
      throw new Error(`${command.join(" ")} did not start: ${errors}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return { port, pid: child.pid!, stop: () => stop(child) };
}

/** Any answer counts: the floor answers 200 to a GET, too. */
const answers = (url: string): Promise<boolean> =>
  fetch(url).then(
    ({ ok }) => ok,
    () => false,
  );

async function stop(child: ChildProcess): Promise<void> {
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
}

/** Processor seconds of a process with all its threads (Linux). */
export async function cpuSeconds(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
