// SPDX-License-Identifier: Apache-2.0
// A GGUF language model in llama.cpp, in a child process of its own. A child that dies is started again; requests that
// were running fail with 503, the server and its other models go on.
import { type ChildProcess, fork } from "node:child_process";
import { open } from "node:fs/promises";
import { getCompileCacheDir } from "node:module";
import { dirname, extname } from "node:path";
import { fileURLToPath } from "node:url";
import { RequestError } from "@serval/protocol";
import { type GenerateEvent, type GenerateRequest, type LanguageModel, ModelError } from "../model.ts";
import { findModelFile } from "../model-file.ts";
import type { FromWorker, LoadOptions, ToWorker } from "./messages.ts";

export interface LlamaOptions {
  readonly engineDir: () => Promise<string>;
  readonly threads: number;
  readonly sequences?: number;
  readonly maxModelLength?: number | undefined;
  readonly chatTemplate?: string | undefined;
  readonly log: (message: string) => void;
  readonly env: NodeJS.ProcessEnv;
}

type Listener = (message: Extract<FromWorker, { type: "event" | "error" }>) => void;
const MAX_RESTARTS = 5;

export class LlamaModel implements LanguageModel {
  readonly kind = "language";
  contextLength = 0;
  defaultTemperature = 1;
  private readonly path: string;
  private readonly options: LlamaOptions;
  private readonly listeners = new Map<number, Listener>();
  private child: ChildProcess | undefined;
  private loaded: LoadOptions | undefined;
  private isReady = false;
  private unloaded = false;
  private restarts = 0;
  private nextId = 1;

  constructor(path: string, options: LlamaOptions) {
    this.path = path;
    this.options = options;
  }

  get ready(): boolean {
    return this.isReady;
  }

  async load(): Promise<void> {
    const file = await findModelFile(this.path, [".gguf"]);
    await checkMagic(file);
    const { threads, maxModelLength, chatTemplate, sequences = 4 } = this.options;
    this.loaded = { engineDir: await this.options.engineDir(), file, threads, sequences, maxModelLength, chatTemplate };
    await this.startChild(this.loaded);
  }

  private startChild(load: LoadOptions): Promise<void> {
    const { env } = this.options;
    // The server's environment may hold secrets that native code has no use for.
    const clean = Object.fromEntries(
      ["PATH", "HOME", "LD_LIBRARY_PATH", "SystemRoot"].flatMap((key) =>
        env[key] === undefined ? [] : [[key, env[key]]],
      ),
    );
    // The binding is 200 files: compiled code is kept where this process keeps its own (Node adds a folder per version).
    const compiled = getCompileCacheDir();
    if (compiled !== undefined) clean["NODE_COMPILE_CACHE"] = dirname(compiled);
    // Bundled, the worker lies beside this file as worker.js.
    const child = fork(fileURLToPath(new URL(`./worker${extname(import.meta.url)}`, import.meta.url)), {
      env: clean,
      stdio: ["ignore", "ignore", "inherit", "ipc"],
      execArgv: [],
    });
    this.child = child;
    return new Promise((resolve, reject) => {
      child.on("message", (message: FromWorker) => {
        if (message.type === "loaded") {
          this.contextLength = message.contextLength;
          this.defaultTemperature = message.defaultTemperature ?? 1;
          this.isReady = true;
          resolve();
        } else if (message.type === "failed") {
          reject(
            new ModelError(
              `Cannot load the model: llama.cpp refused ${load.file} (${message.message}); check that it is a complete GGUF file of a supported architecture`,
            ),
          );
          child.kill("SIGKILL");
        } else if (message.type === "log") this.options.log(message.message);
        else this.listeners.get(message.id)?.(message);
      });
      child.on("error", (error) =>
        reject(new ModelError(`Cannot load the model: its process did not start (${error.message})`)),
      );
      child.on("exit", (code, signal) => {
        reject(
          new ModelError(
            `Cannot load the model: its process ended with ${signal ?? `code ${code}`} while it was loading; perhaps there is too little memory for ${load.file}`,
          ),
        );
        this.exited(child, signal ?? `code ${code}`);
      });
      this.tell({ type: "load", ...load });
    });
  }

  private exited(child: ChildProcess, how: string): void {
    if (this.child !== child) return;
    const wasReady = this.isReady;
    this.isReady = false;
    this.child = undefined;
    for (const [id, listener] of this.listeners)
      listener({ type: "error", id, status: 503, message: "The model's process ended while it answered; try again" });
    if (!wasReady || this.unloaded || this.loaded === undefined) return;
    this.restarts += 1;
    if (this.restarts > MAX_RESTARTS) {
      this.options.log(
        `the model's process ended with ${how} and is not started again: that was crash number ${this.restarts}`,
      );
      return;
    }
    this.options.log(`the model's process ended with ${how}; starting it again`);
    this.startChild(this.loaded).catch((error: unknown) =>
      this.options.log(error instanceof Error ? error.message : String(error)),
    );
  }

  private tell(message: ToWorker): void {
    // A channel that closes in between is reported by the exit event.
    if (this.child?.connected) this.child.send(message, () => undefined);
  }

  async *generate(request: GenerateRequest, signal: AbortSignal): AsyncGenerator<GenerateEvent> {
    if (!this.isReady) throw new RequestError(503, "The model is not ready.");
    const id = this.nextId++;
    const queue: Array<Parameters<Listener>[0]> = [];
    let wake = (): void => undefined;
    this.listeners.set(id, (message) => {
      queue.push(message);
      wake();
    });
    const abort = (): void => {
      this.tell({ type: "abort", id });
      wake();
    };
    signal.addEventListener("abort", abort, { once: true });
    try {
      this.tell({ type: "generate", id, request });
      while (!signal.aborted) {
        const message = queue.shift();
        if (message === undefined) {
          await new Promise<void>((resolve) => {
            wake = resolve;
            if (queue.length > 0 || signal.aborted) resolve();
          });
        } else if (message.type === "error") throw failure(message.status, message.message);
        else {
          yield message.event;
          if (message.event.type === "end") return;
        }
      }
    } finally {
      signal.removeEventListener("abort", abort);
      this.listeners.delete(id);
      // Also when the consumer stops early: the computation must not go on for nobody.
      this.tell({ type: "abort", id });
    }
  }

  async unload(): Promise<void> {
    this.unloaded = true;
    this.isReady = false;
    const { child } = this;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    child.kill("SIGKILL");
    await exited;
  }
}

const failure = (status: number, message: string): Error =>
  status === 500 ? new ModelError(message) : new RequestError(status, message);

/** A wrong file is refused before the engine is fetched and before native code reads it. */
async function checkMagic(file: string): Promise<void> {
  const handle = await open(file);
  try {
    const { buffer } = await handle.read(Buffer.alloc(4), 0, 4, 0);
    if (buffer.toString("latin1") !== "GGUF")
      throw new ModelError(
        `Cannot load the model: ${file} is not a GGUF file; convert the model with llama.cpp's convert_hf_to_gguf.py`,
      );
  } finally {
    await handle.close();
  }
}
