// SPDX-License-Identifier: Apache-2.0
// deploy/chart: the Helm chart, from the same objects as the manifests beside it.
import { mkdirSync, writeFileSync } from "node:fs";
import type { AnyObject } from "@serval/api";
import { Holes } from "./holes.ts";
import { chartObjects } from "./objects.ts";
import { chartYaml, generatedBy, helpers, notes, serviceMonitor } from "./templates.ts";
import { valuesSchema, valuesYaml } from "./values.ts";

const folder = new URL("../../../deploy/chart/", import.meta.url);

function fileOf({ kind, metadata }: AnyObject, original: AnyObject): string {
  const name = (original.metadata.name ?? metadata.name ?? "").replace(/^serval-/, "");
  return `templates/${name}-${kind.toLowerCase()}.yaml`;
}

/** By path below deploy/chart. */
export function chartContents(): Map<string, string> {
  const holes = new Holes();
  const contents = new Map([
    ["Chart.yaml", chartYaml],
    ["values.yaml", `# SPDX-License-Identifier: Apache-2.0\n# ${generatedBy}\n${valuesYaml()}`],
    ["values.schema.json", `${JSON.stringify(valuesSchema(), undefined, 2)}\n`],
    ["templates/_helpers.tpl", helpers],
    ["templates/NOTES.txt", notes],
    ["templates/servicemonitor.yaml", serviceMonitor],
  ]);
  for (const { object, original, when } of chartObjects(holes)) {
    const body = holes.render(object);
    const condition = when.length > 1 ? `and ${when.map((each) => `(${each})`).join(" ")}` : when[0];
    const text = condition === undefined ? body : `{{- if ${condition} }}\n${body}{{- end }}\n`;
    contents.set(fileOf(object, original), `{{- /* SPDX-License-Identifier: Apache-2.0. ${generatedBy} */}}\n${text}`);
  }
  return contents;
}

export const chartFiles: readonly string[] = [...chartContents().keys()].map((path) => `deploy/chart/${path}`);

export function generateChart(): void {
  mkdirSync(new URL("templates/", folder), { recursive: true });
  for (const [path, text] of chartContents()) writeFileSync(new URL(path, folder), text);
}

if (import.meta.main) generateChart();
