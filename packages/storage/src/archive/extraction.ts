// SPDX-License-Identifier: Apache-2.0
// One extraction into an empty folder of its own: every entry is judged, counted and written here, whatever the format.
// Any refusal refuses the archive as a whole; the caller removes the folder.
import { createWriteStream } from "node:fs";
import { link, mkdir, realpath, symlink } from "node:fs/promises";
import { dirname, join, sep } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { diskFailure, FetchError } from "../errors.ts";
import { NameBook, safeLink, safePath, shown } from "./safe-path.ts";

export interface UnpackLimits {
  readonly maxEntries: number;
  readonly maxBytes: number;
  /** Extracted bytes per archive byte, judged beyond the first `ratioFromBytes`. */
  readonly maxRatio: number;
  readonly ratioFromBytes: number;
}

export const defaultLimits: UnpackLimits = {
  maxEntries: 100_000,
  maxBytes: 4 * 1024 ** 4,
  maxRatio: 200,
  ratioFromBytes: 64 * 1024 * 1024,
};

export type ArchiveEntry =
  | {
      readonly kind: "file";
      readonly name: string;
      readonly isExecutable: boolean;
      readonly content: NodeJS.ReadableStream;
    }
  | { readonly kind: "folder"; readonly name: string }
  | { readonly kind: "link" | "hard link"; readonly name: string; readonly target: string }
  | { readonly kind: "refused"; readonly name: string; readonly what: string };

export interface ExtractionOptions {
  readonly root: string;
  readonly archiveBytes: number;
  readonly limits: UnpackLimits;
  readonly signal: AbortSignal;
  readonly onBytes: (count: number) => void;
}

export const badArchive = (why: string, cause?: unknown): FetchError =>
  // KServe: the first sentence of kserve_storage's own message.
  new FetchError(`Failed to unpack archive file. ${why}`, {
    fix: "Pack the model's files again, with plain files and folders only",
    cause,
  });

export class Extraction {
  readonly #options: ExtractionOptions;
  readonly #names = new NameBook();
  readonly #links: { path: string; target: string }[] = [];
  readonly #files = new Set<string>();
  #entries = 0;
  #bytes = 0;

  constructor(options: ExtractionOptions) {
    this.#options = options;
  }

  /** @throws FetchError naming the entry and why it is refused */
  async add(entry: ArchiveEntry): Promise<void> {
    const { limits, root } = this.#options;
    const refuse = (why: string): FetchError => badArchive(`Entry ${shown(entry.name)} is refused: ${why}.`);
    if (++this.#entries > limits.maxEntries)
      throw badArchive(`It has more than ${limits.maxEntries} entries; the limit is SERVAL_UNPACK_MAX_ENTRIES.`);
    if (entry.kind === "refused") throw refuse(entry.what);
    const safe = safePath(entry.name);
    if ("problem" in safe) throw refuse(safe.problem);
    const { path } = safe;
    if (path === "" && entry.kind === "folder") return;
    if (path === "") throw refuse("it has no name");
    const isLink = entry.kind === "link";
    const problem = this.#names.add(path, isLink ? "link" : entry.kind === "folder" ? "folder" : "file");
    if (problem !== undefined) throw refuse(problem);
    try {
      if (entry.kind === "folder") await mkdir(join(root, path), { recursive: true });
      else if (entry.kind === "file") await this.#write(path, entry);
      else if (entry.kind === "hard link") await this.#hardLink(path, entry.target, refuse);
      else this.#keepLink(path, entry.target, refuse);
    } catch (error) {
      throw diskFailure(error, join(root, path));
    }
  }

  async #write(path: string, entry: Extract<ArchiveEntry, { kind: "file" }>): Promise<void> {
    const target = join(this.#options.root, path);
    await mkdir(dirname(target), { recursive: true });
    const counter = new Transform({
      transform: (chunk: Buffer, _encoding, done) => {
        try {
          this.#count(chunk.byteLength, entry.name);
          done(null, chunk);
        } catch (error) {
          done(error as Error);
        }
      },
    });
    // setuid, setgid, sticky and group or world writing never come from an archive.
    const output = createWriteStream(target, { flags: "wx", mode: entry.isExecutable ? 0o755 : 0o644 });
    await pipeline(entry.content, counter, output, { signal: this.#options.signal });
    this.#files.add(path);
  }

  #count(bytes: number, name: string): void {
    const { limits, archiveBytes, onBytes } = this.#options;
    this.#bytes += bytes;
    if (this.#bytes > limits.maxBytes)
      throw badArchive(
        `Entry ${shown(name)} takes it beyond ${limits.maxBytes} bytes; the limit is SERVAL_UNPACK_MAX_BYTES.`,
      );
    if (this.#bytes > limits.ratioFromBytes && this.#bytes > archiveBytes * limits.maxRatio)
      throw badArchive(
        `Entry ${shown(name)} makes it grow to more than ${limits.maxRatio} times its size, as a decompression bomb does; the limit is SERVAL_UNPACK_MAX_RATIO.`,
      );
    onBytes(bytes);
  }

  /** The target of a tar hard link is named from the archive's root and must have come before. */
  async #hardLink(path: string, target: string, refuse: (why: string) => FetchError): Promise<void> {
    const safe = safePath(target);
    if ("problem" in safe || !this.#files.has(safe.path))
      throw refuse(`it is a hard link to ${shown(target)}, which is no earlier file of the archive`);
    const { root } = this.#options;
    await mkdir(dirname(join(root, path)), { recursive: true });
    await link(join(root, safe.path), join(root, path));
    this.#files.add(path);
  }

  #keepLink(path: string, target: string, refuse: (why: string) => FetchError): void {
    const safe = safeLink(path, target);
    if ("problem" in safe) throw refuse(safe.problem);
    this.#links.push({ path, target });
  }

  /** Links are made last, so that nothing was written through one, and each is followed once to see where it ends. */
  async finish(): Promise<void> {
    const root = await realpath(this.#options.root);
    for (const { path, target } of this.#links) {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await symlink(target, join(root, path));
    }
    for (const { path, target } of this.#links) {
      const end = await realpath(join(root, path)).catch(() => undefined);
      if (end === root || end?.startsWith(`${root}${sep}`) === true) continue;
      const why = end === undefined ? "which is not in the archive" : "outside the archive";
      throw badArchive(`Entry ${shown(path)} is refused: it is a link to ${shown(target)}, ${why}.`);
    }
    if (this.#entries === 0) throw badArchive("It is empty or no archive at all.");
  }
}
