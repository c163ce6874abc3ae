// SPDX-License-Identifier: Apache-2.0
// A real `serval up` in a temporary data directory, driven from outside as a person would: the serval bin, kubectl, HTTP.
// Always ends every process that it started, and says which ones a home left behind.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, watch } from "node:fs/promises";
import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type AnyObject, inferenceServices, type KubeObject, keyOf, type ResourceType } from "@serval/api";
import { type HomeState, homeLayout, readHomeState } from "@serval/embedded/home/layout.ts";
import { createCluster, createInformer, loadKubeconfig, remoteTransport } from "@serval/kube";
import { ensureEngine } from "@serval/runtimes";
import { cacheFolder } from "../cache-folder.ts";
import { kubectlPath } from "../kubectl.ts";

export const root: string = fileURLToPath(new URL("../..", import.meta.url));
export const servalBin: string = join(root, "packages/cli/bin/serval.mjs");
/** Far longer than anything takes: only a failure waits it out. */
export const deadlineMs = 90_000;
const cacheDir = cacheFolder();

/** Nobody listens on port 9 (discard) of a machine of today. */
const nowhere = Object.fromEntries(
  ["npm_config_registry", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"].map((name) => [
    name,
    "http://127.0.0.1:9",
  ]),
);

export interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Rejects with what was waited for. */
export async function within<T>(what: string, work: Promise<T>, ms = deadlineMs): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${ms / 1000} s: ${what}`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

/** Undefined: language models can run here; else why not (no network, no build for this platform). */
export async function whyNoLanguageModel(): Promise<string | undefined> {
  return ensureEngine("llama", { cacheDir }).then(
    () => undefined,
    (error: Error) => `the llama engine cannot be installed: ${error.message.split("\n")[0]}`,
  );
}

/** `serval up` in the foreground, with its lines. */
export class Up {
  readonly child: ChildProcess;
  readonly ended: Promise<number>;
  #text = "";
  #changed = Promise.withResolvers<void>();

  constructor(child: ChildProcess) {
    this.child = child;
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.#text += text;
        this.#wake();
      });
    this.ended = once(child, "close").then(([code]) => {
      this.#wake();
      return code as number;
    });
  }
  get text(): string {
    return this.#text;
  }
  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
  /** Waits until it has printed this. */
  async prints(pattern: RegExp): Promise<string> {
    const look = async (): Promise<string> => {
      for (;;) {
        const found = pattern.exec(this.#text);
        if (found !== null) return found[0];
        if (this.child.exitCode !== null) throw new Error(`ended without printing ${pattern}:\n${this.#text}`);
        await this.#changed.promise;
      }
    };
    return within(`${pattern} in what serval up prints`, look()).catch((error: Error) => {
      throw new Error(`${error.message}\n${this.#text}`);
    });
  }
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** Pieces as they came. */
  readonly chunks: readonly string[];
}

export class Home {
  readonly dataDir: string;
  readonly port: number;
  /** Whoever asks a registry or the internet from now on gets a refused connection. */
  isOffline = false;
  readonly #started = new Set<ChildProcess>();

  private constructor(dataDir: string, port: number) {
    this.dataDir = dataDir;
    this.port = port;
  }
  static async make(): Promise<Home> {
    return new Home(await mkdtemp(join(tmpdir(), "serval-e2e-")), await freePort());
  }

  get kubeconfig(): string {
    return join(this.dataDir, "kubeconfig");
  }
  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }
  get environment(): NodeJS.ProcessEnv {
    return {
      PATH: `${dirname(process.execPath)}:/usr/local/bin:/usr/bin:/bin`,
      HOME: this.dataDir,
      KUBECONFIG: this.kubeconfig,
      SERVAL_CACHE_DIR: cacheDir,
      ...(this.isOffline ? nowhere : {}),
    };
  }

  start(command: string, args: readonly string[]): ChildProcess {
    const child = spawn(command, args, { cwd: root, env: this.environment, stdio: ["pipe", "pipe", "pipe"] });
    this.#started.add(child);
    child.once("close", () => this.#started.delete(child));
    return child;
  }
  /** Runs to its end. */
  async run(command: string, args: readonly string[], input?: string): Promise<Result> {
    const child = this.start(command, args);
    let [stdout, stderr] = ["", ""];
    child.stdout?.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr?.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    child.stdin?.end(input);
    const [code] = (await within(`end of ${command} ${args.join(" ")}`, once(child, "close"), deadlineMs)) as [number];
    return { code, stdout, stderr };
  }
  serval(...args: string[]): Promise<Result> {
    return this.run(process.execPath, [servalBin, ...args, "--data-dir", this.dataDir]);
  }
  /** @throws when kubectl is not there: look at `kubectlPath` first. */
  async kubectl(args: readonly string[], input?: string): Promise<Result> {
    return this.run((await kubectlPath()) as string, args, input);
  }

  up(...args: string[]): Up {
    const port = args.includes("--port") ? [] : ["--port", String(this.port)];
    return new Up(this.start(process.execPath, [servalBin, "up", "--data-dir", this.dataDir, ...port, ...args]));
  }
  /** Up and ready. */
  async ready(...args: string[]): Promise<Up> {
    const up = this.up(...args);
    await up.prints(/\nServing\./);
    return up;
  }
  async state(): Promise<HomeState> {
    return (await readHomeState(homeLayout(this.dataDir))) as HomeState;
  }

  /** Waits until the home's state file says so. */
  async stateUntil(what: string, isWanted: (state: HomeState) => boolean): Promise<HomeState> {
    const abort = new AbortController();
    const changes = watch(this.dataDir, { signal: abort.signal });
    const look = async (): Promise<HomeState> => {
      for (;;) {
        const state = await readHomeState(homeLayout(this.dataDir));
        if (state !== undefined && isWanted(state)) return state;
        await changes.next();
      }
    };
    return within(what, look()).finally(() => abort.abort());
  }

  /** Waits on the API's own events until an object is as wanted. */
  async until<T extends KubeObject = AnyObject>(
    what: string,
    name: string,
    isWanted: (object: T) => boolean,
    type: ResourceType = inferenceServices as ResourceType,
  ): Promise<T> {
    const cluster = createCluster(remoteTransport(await loadKubeconfig(this.kubeconfig)), "serval-e2e");
    const abort = new AbortController();
    let last: KubeObject | undefined;
    try {
      const informer = createInformer(cluster, type, { signal: abort.signal });
      const found = new Promise<T>((resolve) => {
        informer.onChange(({ type: change, object }) => {
          if (keyOf(object).name !== name) return;
          last = object;
          if (change !== "deleted" && isWanted(object as unknown as T)) resolve(object as unknown as T);
        });
      });
      return await within(what, found);
    } catch (error) {
      throw new Error(`${(error as Error).message}; last seen: ${JSON.stringify((last as AnyObject)?.["status"])}`);
    } finally {
      abort.abort();
      await cluster[Symbol.asyncDispose]();
    }
  }

  /** One request to the gateway; `host` names the service as its URL does. */
  ask(path: string, options: { host?: string; body?: unknown } = {}): Promise<Answer> {
    const { host = `127.0.0.1:${this.port}`, body } = options;
    const answer = new Promise<Answer>((resolve, reject) => {
      const request = httpRequest(
        {
          host: "127.0.0.1",
          port: this.port,
          path,
          method: body === undefined ? "GET" : "POST",
          headers: { host, "content-type": "application/json" },
          agent: false,
        },
        (response) => {
          const chunks: string[] = [];
          response.setEncoding("utf8").on("data", (chunk: string) => chunks.push(chunk));
          response.on("error", reject);
          response.on("end", () =>
            resolve({ status: response.statusCode ?? 0, headers: response.headers, text: chunks.join(""), chunks }),
          );
        },
      );
      request.on("error", reject);
      request.end(body === undefined ? undefined : JSON.stringify(body));
    });
    return within(`answer to ${path}`, answer);
  }

  /** Asks until the gateway answers with this status: what is watched arrives a little later. */
  askUntil(path: string, status: number): Promise<Answer> {
    const repeat = async (): Promise<Answer> => {
      for (;;) {
        const answer = await this.ask(path).catch((error: Error) => error);
        if (!(answer instanceof Error) && answer.status === status) return answer;
      }
    };
    return within(`status ${status} for ${path}`, repeat());
  }

  /** Processes that work in the data directory or name it. */
  async leftovers(): Promise<string[]> {
    const found: string[] = [];
    for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
      if (Number(pid) === process.pid) continue;
      const read = (file: string) => readFile(`/proc/${pid}/${file}`, "utf8").catch(() => "");
      const command = await read("cmdline");
      // A child that has ended and is not yet waited for has neither.
      if (command.includes(this.dataDir) || (await read("environ")).includes(this.dataDir))
        found.push(`${pid} ${command.replaceAll("\0", " ").slice(0, 200)}`);
    }
    return found;
  }

  /** Ends everything, whatever state the test left; then removes the directory. */
  async close(): Promise<void> {
    for (const child of this.#started) child.kill("SIGTERM");
    await within(
      "end of what the test started",
      Promise.all([...this.#started].map((child) => once(child, "close"))),
      30_000,
    ).catch(() => {
      for (const child of this.#started) child.kill("SIGKILL");
    });
    await this.serval("down").catch(() => {});
    for (const line of await this.leftovers()) {
      try {
        process.kill(Number(line.split(" ")[0]), "SIGKILL");
      } catch {
        // It ended by itself in between.
      }
    }
    await rm(this.dataDir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

/** The service's own host, as its status.url has it. */
export const hostOf = (url: string): string => new URL(url).host;

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
}
export interface Service extends KubeObject {
  readonly status?: {
    readonly url?: string;
    readonly conditions?: readonly Condition[];
    readonly modelStatus?: {
      readonly transitionStatus?: string;
      readonly lastFailureInfo?: { readonly reason?: string; readonly message?: string };
    };
  };
}
export const isReady = ({ status }: Service): boolean =>
  status?.conditions?.some((condition) => condition.type === "Ready" && condition.status === "True") === true;
