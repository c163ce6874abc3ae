// SPDX-License-Identifier: Apache-2.0
// Request metrics under KServe's names (kserve: python/kserve/kserve/metrics.py) plus a request counter with status.
// Own counters and not a metrics library because they are on the path of every prediction: one array store each.

const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10] as const;

class Histogram {
  private readonly counts = new Float64Array(BUCKETS.length + 1);
  private sum = 0;

  observe(seconds: number): void {
    let at = 0;
    while (at < BUCKETS.length && seconds > BUCKETS[at]!) at++;
    this.counts[at] = this.counts[at]! + 1;
    this.sum += seconds;
  }

  lines(name: string, labels: string): string {
    let total = 0;
    let text = "";
    for (let at = 0; at <= BUCKETS.length; at++) {
      total += this.counts[at]!;
      text += `${name}_bucket{${labels},le="${at === BUCKETS.length ? "+Inf" : decimal(BUCKETS[at]!)}"} ${total}\n`;
    }
    return `${text}${name}_sum{${labels}} ${this.sum}\n${name}_count{${labels}} ${total}\n`;
  }
}

const decimal = (value: number): string => (Number.isInteger(value) ? `${value}.0` : `${value}`);

export class ModelMetrics {
  readonly model: string;
  readonly predict = new Histogram();
  readonly duration = new Histogram();
  readonly statuses = new Map<number, number>();
  promptTokens = 0;
  completionTokens = 0;
  running = 0;

  constructor(model: string) {
    this.model = model;
  }

  done(status: number, seconds: number): void {
    this.duration.observe(seconds);
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
  }
}

const escaped = (label: string): string =>
  label.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");

/** The Prometheus text format (version 0.0.4). */
export function renderMetrics(all: Iterable<ModelMetrics>, memory: NodeJS.MemoryUsage, cpu: NodeJS.CpuUsage): string {
  const models = [...all];
  const each = (line: (metrics: ModelMetrics, labels: string) => string): string =>
    models.map((metrics) => line(metrics, `model_name="${escaped(metrics.model)}"`)).join("");
  return [
    head("request_predict_seconds", "histogram", "predict request latency"),
    each((metrics, labels) => metrics.predict.lines("request_predict_seconds", labels)),
    head("request_duration_seconds", "histogram", "whole request latency"),
    each((metrics, labels) => metrics.duration.lines("request_duration_seconds", labels)),
    head("request_count", "counter", "requests by status"),
    each((metrics, labels) =>
      [...metrics.statuses].map(([status, count]) => `request_count{${labels},code="${status}"} ${count}\n`).join(""),
    ),
    head("requests_running", "gauge", "requests in progress"),
    each((metrics, labels) => `requests_running{${labels}} ${metrics.running}\n`),
    head("prompt_tokens_total", "counter", "tokens read by a language model"),
    each((metrics, labels) => `prompt_tokens_total{${labels}} ${metrics.promptTokens}\n`),
    head("generation_tokens_total", "counter", "tokens written by a language model"),
    each((metrics, labels) => `generation_tokens_total{${labels}} ${metrics.completionTokens}\n`),
    head("process_resident_memory_bytes", "gauge", "resident memory"),
    `process_resident_memory_bytes ${memory.rss}\n`,
    head("process_cpu_seconds_total", "counter", "processor time"),
    `process_cpu_seconds_total ${(cpu.user + cpu.system) / 1e6}\n`,
  ].join("");
}

const head = (name: string, type: string, help: string): string => `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
