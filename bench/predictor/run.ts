// SPDX-License-Identifier: Apache-2.0
// Predictor bench: processor time per request, rows per second and latency, batch 1 and 64, V1 and V2, per server.
// node bench/predictor/run.ts [--peers VENV/bin/python] [--requests 20000] [--save]
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { arch, cpus, platform } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { drive } from "./client.ts";
import { cpuSeconds, floor, type Kind, kserve, type ModelUnderTest, mlserver, serval } from "./servers.ts";

const models = fileURLToPath(new URL("../../examples/models/", import.meta.url));
const underTest: readonly ModelUnderTest[] = [
  {
    name: "xgboost, 100 trees, 30 features",
    framework: "xgboost",
    folder: join(models, "cancer-xgboost"),
    file: "model.json",
  },
  {
    name: "scikit-learn SVC, 4 features",
    framework: "sklearn",
    folder: join(models, "iris-svc"),
    file: "model.joblib",
  },
];
const CONNECTIONS = 4;
// The JavaScript servers go on getting faster for about 20,000 requests while V8 compiles.
const WARM_UP = 25_000;

interface Row {
  readonly model: string;
  readonly server: string;
  readonly protocol: string;
  readonly batch: number;
  readonly cpuMicrosPerRequest: number;
  readonly rowsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

async function inputs(model: ModelUnderTest, batch: number): Promise<number[][]> {
  const name = model.folder.split("/").at(-1)!;
  const { inputs: rows } = JSON.parse(await readFile(join(models, "recorded", `${name}.json`), "utf8")) as {
    inputs: number[][];
  };
  return Array.from({ length: batch }, (_, at) => rows[at % rows.length]!);
}

function body(protocol: "v1" | "v2", rows: number[][]): string {
  if (protocol === "v1") return JSON.stringify({ instances: rows });
  return JSON.stringify({
    id: "1",
    inputs: [{ name: "input-0", shape: [rows.length, rows[0]!.length], datatype: "FP32", data: rows.flat() }],
  });
}

async function measure(kind: Kind, model: ModelUnderTest, requests: number): Promise<Row[]> {
  const server = await kind.start(model);
  const rows: Row[] = [];
  try {
    for (const protocol of kind.protocols) {
      for (const batch of [1, 64]) {
        const target = {
          port: server.port,
          path: protocol === "v1" ? "/v1/models/m:predict" : "/v2/models/m/infer",
          body: body(protocol, await inputs(model, batch)),
        };
        const slow = kind.name === floor.name || kind.name === serval.name ? 1 : 20;
        await drive(target, { connections: CONNECTIONS, requests: Math.ceil(WARM_UP / slow) });
        const before = await cpuSeconds(server.pid);
        const load = { connections: CONNECTIONS, requests: Math.ceil(requests / slow / (batch > 1 ? 2 : 1)) };
        const { seconds, latencies } = await drive(target, load);
        const cpu = (await cpuSeconds(server.pid)) - before;
        rows.push({
          model: model.name,
          server: kind.name,
          protocol,
          batch,
          cpuMicrosPerRequest: Math.round((cpu / load.requests) * 1e7) / 10,
          rowsPerSecond: Math.round((load.requests * batch) / seconds),
          p50Ms: percentile(latencies, 0.5),
          p99Ms: percentile(latencies, 0.99),
        });
      }
    }
  } finally {
    await server.stop();
  }
  return rows;
}

const percentile = (sorted: Float64Array, share: number): number =>
  Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]! * 1000) / 1000;

const { values } = parseArgs({
  options: {
    peers: { type: "string" },
    requests: { type: "string", default: "20000" },
    save: { type: "boolean", default: false },
  },
});
const kinds = [floor, serval, ...(values.peers === undefined ? [] : [mlserver(values.peers), kserve(values.peers)])];
const rows: Row[] = [];
for (const model of underTest)
  for (const kind of kinds) rows.push(...(await measure(kind, model, Number(values.requests))));
console.table(rows);
for (const row of rows.filter(({ server }) => server === serval.name)) {
  const base = rows.find(
    (other) =>
      other.server === floor.name &&
      other.model === row.model &&
      other.protocol === row.protocol &&
      other.batch === row.batch,
  )!;
  console.log(
    `${row.model}, ${row.protocol}, batch ${row.batch}: ${(row.cpuMicrosPerRequest / base.cpuMicrosPerRequest).toFixed(2)} times the floor's processor time`,
  );
}
if (values.save) {
  const folder = fileURLToPath(new URL("./results/", import.meta.url));
  await mkdir(folder, { recursive: true });
  const result = {
    when: new Date().toISOString().slice(0, 10),
    node: process.version,
    machine: `${platform()}-${arch()}, ${cpus()[0]?.model ?? "unknown"}, ${cpus().length} cores`,
    connections: CONNECTIONS,
    rows,
  };
  await writeFile(join(folder, "latest.json"), `${JSON.stringify(result, undefined, 1)}\n`);
}
