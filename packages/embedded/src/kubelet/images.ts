// SPDX-License-Identifier: Apache-2.0
// The catalogue of local runtimes: which images the embedded home can run as plain processes, and as which command.
// One entry per image family; an image that matches none is an honest error, never a guess.
import { pathToFileURL } from "node:url";
import type { Container } from "@serval/api";
import { serveArgsForImage } from "@serval/runtimes";

export interface LocalCommand {
  /** Program and arguments, before variable expansion and path rewriting. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export interface LocalPrograms {
  /** `node` of this process. */
  readonly node: string;
  /** The `serval` bin, run by `node`. */
  readonly serval: string;
  /** Where engines are kept: a pod has no home folder of its own that lasts. */
  readonly cacheDir: string;
  /** The examples that came with this installation: what `file:///examples/` means in a storageUri. */
  readonly examplesDir?: string | undefined;
}

export interface LocalImage {
  readonly pattern: RegExp;
  /** What the image's own ENTRYPOINT and CMD would be, when the container gives no command. */
  readonly entrypoint: (programs: LocalPrograms) => readonly string[];
  readonly about: string;
  /** What an argument means on this machine. */
  readonly argument?: (text: string, programs: LocalPrograms) => string;
}

const examples = /^file:\/\/\/examples\//;

/** The YAML of examples/ is ordinary KServe YAML; an image of it would carry the models at /examples. */
const exampleUri = (text: string, { examplesDir }: LocalPrograms): string =>
  examplesDir === undefined ? text : text.replace(examples, `${pathToFileURL(examplesDir).href}/`);

const servalCommand =
  (...verb: string[]) =>
  ({ node, serval }: LocalPrograms): readonly string[] => [node, serval, ...verb];

/** First match wins. Add a family with one line. */
export const localImages: readonly LocalImage[] = [
  { pattern: /(^|\/)serval([:@]|$)/, entrypoint: servalCommand(), about: "the serval command" },
  {
    pattern: /(^|\/)(kserve|serval)\/storage-initializer([:@]|$)/,
    entrypoint: servalCommand("fetch"),
    about: "the storage initializer",
    argument: exampleUri,
  },
  { pattern: /^serval\.dev\/local([:@]|$)/, entrypoint: () => [], about: "a command of this machine" },
  { pattern: /^(docker\.io\/)?(library\/)?node([:@]|$)/, entrypoint: ({ node }) => [node], about: "Node.js" },
  {
    pattern: /^(docker\.io\/)?(library\/)?python([:@]|$)/,
    entrypoint: () => ["python3"],
    about: "the machine's Python",
  },
  {
    pattern: /^(docker\.io\/)?(library\/)?(busybox|alpine|debian|ubuntu)([:@]|$)/,
    entrypoint: () => ["sh"],
    about: "the machine's shell",
  },
];

/** The image cannot run here. The message is the pod's waiting message and reaches the InferenceService's status. */
export class ImageNotRunnable extends Error {
  override readonly name = "ImageNotRunnable";
}

/**
 * The command that stands for a container's image.
 *
 * @throws ImageNotRunnable naming the image and the two ways out.
 */
export function localCommand(
  container: Pick<Container, "image" | "command" | "args">,
  programs: LocalPrograms,
): LocalCommand {
  const image = container.image ?? "";
  const serveArgs = serveArgsForImage(image, container.args ?? []);
  if (serveArgs !== undefined && !container.command?.length) {
    return {
      argv: [programs.node, programs.serval, "serve", ...serveArgs],
      env: { SERVAL_CACHE_DIR: programs.cacheDir },
    };
  }
  const entry = localImages.find(({ pattern }) => pattern.test(image));
  if (entry === undefined && serveArgs === undefined) {
    throw new ImageNotRunnable(
      `Cannot run image "${image}": the embedded home runs images as local processes and its catalogue has no entry for this one; ` +
        "install a container engine (Docker or Podman; supported in a later release), or apply the same YAML to a Kubernetes cluster",
    );
  }
  const entrypoint = container.command?.length ? container.command : (entry?.entrypoint(programs) ?? []);
  const [program, ...rest] = entrypoint;
  if (program === undefined) {
    throw new ImageNotRunnable(
      `Cannot run image "${image}": it stands for ${entry?.about ?? "the model server"}, so the container needs a command; set spec…containers[].command`,
    );
  }
  // `serval` and `node` in a command mean this installation, wherever its files are.
  const argv =
    program === "serval"
      ? [programs.node, programs.serval, ...rest]
      : [program === "node" ? programs.node : program, ...rest];
  const isServal = argv[1] === programs.serval;
  const args = (container.args ?? []).map((text) => entry?.argument?.(text, programs) ?? text);
  return { argv: [...argv, ...args], env: isServal ? { SERVAL_CACHE_DIR: programs.cacheDir } : {} };
}
