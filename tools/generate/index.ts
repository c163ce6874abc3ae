// SPDX-License-Identifier: Apache-2.0
// `npm run generate`: every generator, in order. Most of them read Kubernetes' own Go modules, so Go must be there.
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { apiReferenceFiles } from "./api-reference.ts";
import { chartFiles, generateChart } from "./chart/index.ts";
import { generateManifests, manifestFiles } from "./manifests.ts";
import { generateReference } from "./reference.ts";
import { runtimeReferenceFiles } from "./runtime-reference.ts";

const here = fileURLToPath(new URL(".", import.meta.url));
const apiServer = fileURLToPath(new URL("../../packages/embedded/src/apiserver/", import.meta.url));

/** What the generators write. */
export const generatedFiles: readonly string[] = [
  "packages/api/src/core/kubernetes.gen.ts",
  "packages/api/src/core/kubernetes-schemas.gen.json",
  "packages/api/src/core/gateway-api.gen.ts",
  "packages/api/src/core/gateway-api-crds.gen.json",
  "packages/api/src/core/gateway-api-schemas.gen.json",
  "packages/embedded/src/apiserver/http/kubernetes-protobuf.gen.json",
  "packages/embedded/src/apiserver/resources/zero-values.gen.json",
  "packages/cli/bin/help.gen.json",
  "docs/reference/cli.md",
  "docs/guide/troubleshoot.md",
  "docs/reference/errors.md",
  ...apiReferenceFiles,
  ...chartFiles,
  ...manifestFiles,
  ...runtimeReferenceFiles,
];

export function hasGo(): boolean {
  try {
    execFileSync("go", ["version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

function fromGo(args: readonly string[], out: string): void {
  const text = execFileSync("go", ["run", ".", ...args], {
    cwd: join(here, "protobuf"),
    encoding: "utf8",
    maxBuffer: 1 << 28,
    stdio: ["ignore", "pipe", "pipe"],
  });
  writeFileSync(join(apiServer, out), text);
}

/** @throws with the generator's own words. */
export function generate(): void {
  execFileSync(process.execPath, [join(here, "kubernetes.ts")], { stdio: ["ignore", "ignore", "pipe"] });
  fromGo([], "http/kubernetes-protobuf.gen.json");
  fromGo(["zeros"], "resources/zero-values.gen.json");
  generateReference();
  generateManifests();
  generateChart();
}

if (import.meta.main) {
  if (hasGo()) generate();
  else {
    console.error("Cannot generate: the generators read Kubernetes' Go modules\nFix: install Go 1.24 or newer");
    process.exitCode = 1;
  }
}
