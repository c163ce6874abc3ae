// SPDX-License-Identifier: Apache-2.0
// Names that strangers chose, before they become files: relative, plain, inside the root, each once. Pure.
import { posix } from "node:path";

/** Our own folder in a destination: a source that writes there could forge what is complete. */
export const workFolder = ".serval-fetch";

const maxNameBytes = 255;
const maxPathBytes = 4_096;

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for.
const control = /[\x00-\x1f\x7f]/;

/** A name for messages: no control characters, not endless. */
export const shown = (name: string): string => JSON.stringify(name.length > 200 ? `${name.slice(0, 200)}…` : name);

/** @returns the normal form (`a/b`, `` for the root itself), or why the name is refused. */
export function safePath(name: string): { path: string } | { problem: string } {
  if (control.test(name)) return { problem: "it has a control character in its name" };
  if (name.includes("\\")) return { problem: "it has a backslash in its name" };
  if (name.startsWith("/") || /^[a-z]:/i.test(name)) return { problem: "its name is an absolute path" };
  const parts = name.split("/").filter((part) => part !== "" && part !== ".");
  if (parts[0]?.toLowerCase() === workFolder) return { problem: `"${workFolder}" is kept for the initializer itself` };
  if (parts.includes("..")) return { problem: 'its name climbs out of the folder with ".."' };
  if (parts.some((part) => Buffer.byteLength(part) > maxNameBytes))
    return { problem: "a part of its name is longer than 255 bytes" };
  const path = parts.join("/");
  if (Buffer.byteLength(path) > maxPathBytes) return { problem: "its name is longer than 4096 bytes" };
  return { path };
}

/** Where a link leads, read from its own folder; refused when that is outside. */
export function safeLink(path: string, target: string): { path: string } | { problem: string } {
  if (target === "" || control.test(target)) return { problem: "its link has no readable target" };
  if (target.startsWith("/") || target.includes("\\") || /^[a-z]:/i.test(target))
    return { problem: `it is a link to ${shown(target)}, outside the archive` };
  const resolved = posix.normalize(posix.join(posix.dirname(path), target));
  if (resolved === ".." || resolved.startsWith("../"))
    return { problem: `it is a link to ${shown(target)}, outside the archive` };
  return { path: resolved };
}

/** Remembers every name: a second file of the same name, a file below a file or below a link is a trick. */
export class NameBook {
  readonly #kinds = new Map<string, "file" | "folder" | "link">();

  /** @returns why the entry is refused. */
  add(path: string, kind: "file" | "folder" | "link"): string | undefined {
    // Also for file systems that know no case: there the second would overwrite the first.
    const key = path.normalize("NFC").toLowerCase();
    const before = this.#kinds.get(key);
    if (before !== undefined && !(before === "folder" && kind === "folder")) return "another entry has the same name";
    for (let at = key.indexOf("/"); at !== -1; at = key.indexOf("/", at + 1)) {
      const above = this.#kinds.get(key.slice(0, at));
      if (above === "link") return "it lies below an entry that is a link";
      if (above === "file") return "it lies below an entry that is a file";
      if (above === undefined) this.#kinds.set(key.slice(0, at), "folder");
    }
    this.#kinds.set(key, kind);
    return undefined;
  }
}
