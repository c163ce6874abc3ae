// SPDX-License-Identifier: Apache-2.0
// The licences of bundled packages: their texts travel with their code.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const names = /^(licen[cs]e|copying|notice)(\..*)?$|^licen[cs]e-.*$/i;

function textsOf(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile() && names.test(entry.name))
    .map(({ name }) => readFileSync(join(folder, name), "utf8").trim())
    .sort();
}

/** @param folders of packages, relative to `root`. */
export function licenceText(root: string, folders: readonly string[]): string {
  const sections = folders.map((folder) => {
    const manifest = JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8")) as Record<string, unknown>;
    const title = `${String(manifest["name"])} ${String(manifest["version"])} (${String(manifest["license"] ?? "no licence declared")})`;
    return [title, "=".repeat(title.length), ...textsOf(join(root, folder)), ""].join("\n\n");
  });
  return `${sections.join("\n")}\n`;
}
