// SPDX-License-Identifier: Apache-2.0
// Chooses the engine for a model directory (the framework that was asked for, else by file endings) and imports only that.
import { readdir, stat } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { extname } from "node:path";
import { type Model, ModelError } from "@serval/runtimes/model.ts";
import type { ServeOptions } from "./flags.ts";

export interface EngineContext {
  readonly options: ServeOptions;
  /** Folder of an installed heavy engine (with node_modules), given by who starts this process. */
  readonly engineDir: (engine: "onnx" | "llama") => Promise<string>;
  readonly log: (message: string) => void;
  readonly env: NodeJS.ProcessEnv;
}

interface Engine {
  readonly endings: readonly string[];
  readonly make: (path: string, context: EngineContext) => Promise<Model>;
}

/** By framework name, in the order in which file endings are tried. */
const engines: Readonly<Record<string, Engine>> = {
  sklearn: {
    endings: [".joblib", ".pkl", ".pickle"],
    make: async (path, { options }) =>
      new (await import("@serval/runtimes/sklearn/model.ts")).SklearnModel(path, options),
  },
  xgboost: {
    endings: [".ubj", ".bst", ".json"],
    make: async (path) => new (await import("@serval/runtimes/xgboost/model.ts")).XgboostModel(path),
  },
  onnx: {
    endings: [".onnx"],
    make: async (path, { engineDir }) =>
      new (await import("@serval/runtimes/onnx/model.ts")).OnnxModel(path, { engineDir: () => engineDir("onnx") }),
  },
  llama: {
    endings: [".gguf"],
    make: async (path, { options, engineDir, log, env }) => {
      const { LlamaModel } = await import("@serval/runtimes/llama/model.ts");
      const { maxModelLength, chatTemplate } = options;
      // ggml's threads spin while they wait: one more than there are free cores makes all of them slow.
      const threads = options.threads ?? Math.max(1, availableParallelism() - 1);
      return new LlamaModel(path, {
        engineDir: () => engineDir("llama"),
        threads,
        maxModelLength,
        chatTemplate,
        log,
        env,
      });
    },
  },
};

const aliases: Readonly<Record<string, string>> = {
  gguf: "llama",
  llamacpp: "llama",
  "llama.cpp": "llama",
  vllm: "llama",
  huggingface: "llama",
};

export async function makeModel(context: EngineContext): Promise<Model> {
  const { options, log } = context;
  const path = await modelPath(options.modelDirs, log);
  const asked = options.framework?.toLowerCase();
  const framework = asked === undefined ? await frameworkOf(path) : (aliases[asked] ?? asked);
  if (!Object.hasOwn(engines, framework)) {
    throw new ModelError(
      `Cannot load the model: the framework "${framework}" is not built in (${Object.keys(engines).join(", ")} are); use the runtime of that framework`,
    );
  }
  return engines[framework]!.make(path, context);
}

/** The last path that exists. vLLM's --model also takes hub names; here storageUri decides, and a hub name is only logged. */
async function modelPath(candidates: readonly string[], log: (message: string) => void): Promise<string> {
  const existing: string[] = [];
  for (const path of candidates) {
    if (await stat(path).catch(() => undefined)) existing.push(path);
    else if (!path.startsWith("/"))
      log(`--model=${path} is not a folder here and is ignored: the model comes from storageUri`);
  }
  const path = existing.at(-1) ?? candidates.find((candidate) => candidate.startsWith("/"));
  if (path !== undefined) return path;
  const fallback = await stat("/mnt/models").catch(() => undefined);
  if (fallback !== undefined) return "/mnt/models";
  throw new ModelError(
    `Cannot load the model: ${candidates.join(", ")} is not a folder on this machine; set storageUri in the InferenceService, or --model_dir to a folder that exists`,
  );
}

async function frameworkOf(path: string): Promise<string> {
  const found = await stat(path).catch(() => undefined);
  const names = found === undefined ? [] : found.isFile() ? [path] : await readdir(path);
  const endings = new Set(names.map((name) => extname(name).toLowerCase()));
  const matching = Object.keys(engines).find((framework) =>
    engines[framework]!.endings.some((ending) => endings.has(ending)),
  );
  if (matching !== undefined) return matching;
  const known = Object.values(engines).flatMap((framework) => framework.endings);
  if (found === undefined)
    throw new ModelError(
      `Cannot load the model: ${path} does not exist; check storageUri and what the storage initializer wrote`,
    );
  throw new ModelError(
    `Cannot load the model: ${path} holds no model file (${known.join(", ")})${names.length === 0 ? "; it is empty" : `; it holds ${names.slice(0, 10).join(", ")}`}. Point storageUri at the folder of the model file`,
  );
}
