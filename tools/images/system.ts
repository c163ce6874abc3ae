// SPDX-License-Identifier: Apache-2.0
// The first layer: what Node and the engines need of an operating system, and nothing else; no shell, no package manager.
import { readFileSync } from "node:fs";
import type { Component, Ingredient } from "./component.ts";
import { type DebianPackage, debianPackages } from "./debian.ts";
import type { Platform } from "./platform.ts";
import { type Entry, folderEntries, nonRoot, textFile } from "./tree.ts";

const packages = ["base-files", "ca-certificates", "libatomic1", "libc6", "libgcc-s1", "libstdc++6", "tzdata"];

const merged = /^(lib|lib64|bin|sbin)(?=\/)/;
/** The layout of Debian since 12: one /usr, and links to it where older names are compiled in. */
const mergedFolders: readonly Entry[] = ["lib", "lib64"].map((name) => ({
  path: name,
  kind: "link",
  target: `usr/${name}`,
}));

/** Libraries, certificates, time zones and licences; no programs, no locales, no character set converters, no manuals. */
const wanted: readonly RegExp[] = [
  /^usr\/lib(64)?\/(.*\/)?[^/]+\.so(\.[0-9.]+)?$/,
  /^usr\/share\/ca-certificates\/.+\.crt$/,
  /^usr\/share\/zoneinfo\/(?!posix\/|right\/)/,
  /^usr\/share\/doc\/[^/]+\/copyright$/,
  /^usr\/share\/common-licenses\//,
  /^(etc|usr\/lib)\/os-release$/,
];
const unwanted = /\/gconv\/|\/audit\//;

function filesOf({ folder }: DebianPackage): Entry[] {
  return folderEntries(folder, "")
    .map((entry) => ({ ...entry, path: entry.path.replace(merged, "usr/$1") }))
    .filter(({ path }) => wanted.some((pattern) => pattern.test(path)) && !unwanted.test(path));
}

/** What the package's own script would make when it is installed. */
function certificateBundle(entries: readonly Entry[]): Entry {
  const certificates = entries.filter(({ path }) => path.startsWith("usr/share/ca-certificates/")).sort(byPath);
  const texts = certificates.map((entry) =>
    entry.kind === "file" && typeof entry.content === "string" ? readFileSync(entry.content, "utf8").trimEnd() : "",
  );
  return textFile("etc/ssl/certs/ca-certificates.crt", `${texts.join("\n")}\n`);
}

const byPath = (a: Entry, b: Entry): number => (a.path < b.path ? -1 : 1);

/** Where scanners look for the packages of an image that has no package manager. */
const recordOf = ({ name, control }: DebianPackage): Entry => textFile(`var/lib/dpkg/status.d/${name}`, control);

const accounts: readonly Entry[] = [
  textFile(
    "etc/passwd",
    [
      "root:x:0:0:root:/root:/sbin/nologin",
      "nobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin",
      `nonroot:x:${nonRoot}:${nonRoot}:nonroot:/home/nonroot:/sbin/nologin`,
      "",
    ].join("\n"),
  ),
  textFile("etc/group", ["root:x:0:", "nobody:x:65534:", `nonroot:x:${nonRoot}:`, ""].join("\n")),
  textFile("etc/nsswitch.conf", "hosts: files dns\n"),
  { path: "home/nonroot", kind: "folder", mode: 0o700, owner: nonRoot },
  { path: "tmp", kind: "folder", mode: 0o1777 },
];

function componentOf(found: DebianPackage, distribution: string): Component {
  const { name, version, architecture, sha256 } = found;
  const escaped = encodeURIComponent(version).replaceAll("%3A", ":");
  const purl = `pkg:deb/${distribution}/${encodeURIComponent(name)}@${escaped}?arch=${architecture}`;
  return { name, version, purl, hash: { algorithm: "SHA-256", hex: sha256 } };
}

export async function systemIngredient(options: {
  readonly platform: Platform;
  readonly cacheDir: string;
  readonly say: (line: string) => void;
}): Promise<Ingredient> {
  const named = await debianPackages(packages, options);
  // The licence of GCC's libraries lies in a package that is named by GCC's version.
  const gcc = named.flatMap(({ control }) => /\bgcc-\d+-base\b/.exec(control) ?? []).slice(0, 1);
  const found = [...named, ...(await debianPackages(gcc, options))];
  const files = found.flatMap(filesOf);
  const osRelease = files.find(({ path }) => path === "usr/lib/os-release");
  const text =
    osRelease?.kind === "file" && typeof osRelease.content === "string" ? readFileSync(osRelease.content, "utf8") : "";
  const distribution = /^ID="?([a-z]+)/m.exec(text)?.[1] ?? "debian";
  return {
    name: "system",
    entries: [...files, ...mergedFolders, certificateBundle(files), ...found.map(recordOf), ...accounts],
    components: found.map((each) => componentOf(each, distribution)),
  };
}
